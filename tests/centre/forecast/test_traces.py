import gzip

from wutong.centre.forecast.traces import load_trace, parse_swf

SWF = """; Version: 2.2
; MaxNodes: 144 (of them 10 interactive)
; MaxProcs: 1152
;
    1        0    10    100    8 90.0   -1   16   3600   -1  1   5   2  -1  3 -1 -1 -1
    2       50    -1     -1   -1   -1   -1   16   3600   -1  5   5  -1  -1  1 -1 -1 -1
    3       40     0    200   -1   -1   -1   32     -1   -1  5  -1  -1  -1 -1 -1 -1 -1
    4       60     5     30    8   -1   -1    8    600   -1  2   7  -1  -1  1 -1 -1 -1
    5       70     5     30    0   -1   -1    0    600   -1  1   7  -1  -1  1 -1 -1 -1
    6   900000     5     30    8 29
    7      100     5     30    8   -1   -1    8    600   -1  0   7  -1  -1  1 -1 -1 -1
 broken line
    8
"""


def test_a_log_is_read_for_what_it_says_of_jobs_that_ran():
    trace = parse_swf("log", SWF.splitlines())
    assert (trace.name, trace.cards) == ("log", 1152)
    assert [job.ask.name for job in trace.jobs] == ["1", "3", "6", "7"]
    first, cancelled, cut_short, _ = trace.jobs
    assert (first.ask.cards, first.ask.limit_s, first.run_s, first.waited_s) == (8, 3600, 100, 10)
    assert (first.ask.user, first.tenant, first.qos) == ("u5", "g2", "q3")
    assert (cancelled.ask.cards, cancelled.ask.limit_s, cancelled.ask.user, cancelled.tenant, cancelled.qos) == (32, None, "", "", "")
    assert (cut_short.ask.cards, cut_short.ask.limit_s) == (8, None)


def test_a_clock_set_back_goes_on_from_where_it_was():
    assert [job.ask.submit_s for job in parse_swf("log", SWF.splitlines()).jobs] == [0, 40, 900_000, 900_000]


def test_a_log_that_does_not_say_how_large_its_machine_was_is_as_large_as_its_widest_job():
    assert parse_swf("log", [line for line in SWF.splitlines() if not line.startswith(";")]).cards == 32


def test_tables_are_read_packed_or_not(tmp_path):
    text = "job_id,arrival_s,service_sec,gpu_count\nb#2,5.5,0.0,8\na#1,1.0,60.0,1\n\n"
    (tmp_path / "venus.csv").write_text(text)
    with gzip.open(tmp_path / "venus.csv.gz", "wt") as file:
        file.write(text)
    for name in ("venus.csv", "venus.csv.gz"):
        jobs = load_trace(tmp_path / name).jobs
        assert [(job.ask.name, job.ask.cards, job.run_s, job.ask.limit_s) for job in jobs] == [("a#1", 1, 60, None), ("b#2", 8, 1, None)]


def test_a_virtual_cluster_is_a_tenant(tmp_path):
    (tmp_path / "philly.csv").write_text(
        "timestamp,duration,num_gpus,gpu_time,cluster\n2017-10-09 07:01:55,66.0,2,132.0,11cb48\n2017-10-09 07:01:00,5.0,1,5.0,ee\n"
    )
    jobs = load_trace(tmp_path / "philly.csv").jobs
    assert [(job.tenant, job.ask.cards, job.run_s) for job in jobs] == [("ee", 1, 5), ("11cb48", 2, 66)]
    assert jobs[1].ask.submit_s - jobs[0].ask.submit_s == 55
