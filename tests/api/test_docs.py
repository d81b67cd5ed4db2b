"""The page about the API names every route, and asks nothing of anybody else."""

import re


def test_the_page_names_every_route(centre):
    page = centre.http.get("/api/docs").text
    spec = centre.http.get("/api/openapi.json").json()
    assert [path for path in spec["paths"] if f"<code>{path}</code>" not in page] == []


def test_it_loads_nothing_from_elsewhere_and_runs_nothing(centre):
    answer = centre.http.get("/api/docs")
    loaded = re.findall(r"(?:src|href)=\"([^\"#]+)\"", answer.text)
    assert set(loaded) == {"/api/docs.css", "/api/openapi.json"}
    assert "<script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert centre.http.get("/api/docs.css").headers["content-type"].startswith("text/css")


def test_the_schema_of_a_job_file_is_published(centre):
    schema = centre.http.get("/api/schemas/job.json").json()
    assert schema["required"] == ["name", "command"]
    assert schema["additionalProperties"] is False
