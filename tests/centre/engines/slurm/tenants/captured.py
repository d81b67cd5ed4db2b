"""What Slurm 22.05.8 printed, word for word, for the looks of `commands.py`: a cluster `tx` with a centre `wutong` and things of others.

The account `physics` has a description with a line end and a bar, `bob` was let into a project of ours by hand, for one partition only.
"""

QOS = """\
normal|0|00:00:00||cluster||1.000000|||||Normal QOS default
urgent|1000|00:00:00|idle|requeue||2.000000|||||urgent
idle|0|00:00:00||cluster||1.000000|||||idle
wutong-idle|0|1-03:46:40||requeue||1.000000|||||wutong service class idle
wutong-normal|100|00:00:30|wutong-idle|cluster|DenyOnLimit|0.250000|08:00:00|2|4|cpu=32,gres/gpu=2|wutong service class normal
"""

ACCOUNTS = """\
physics|site|dept. of
physics|old
root|root|default root account
wutong|wutong|the centre
wutong-t1|wutong|武汉大学 `x|y`
wutong-t2|wutong|北京 (x) -y_z.
wutong-t2.p|wutong|项目
"""

PARENTS = """\
root||
root|root|
physics||root
wutong||root
wutong-t1||wutong
wutong-t1|wtx1|
wutong-t2||wutong
wutong-t2|wtx2|
wutong-t2.p||wutong-t2
wutong-t2.p|bob|
wutong-t2.p|wtx2|
"""

ASSOCIATIONS = """\
wutong-t1|wtx1||1||||||
wutong-t2|wtx2||1||||||
wutong-t2.p|bob|ai|1||||||
wutong-t2.p|wtx2||1||||||
root|root||1||||||
root|||1|||||normal|
physics|||1|||||wutong-normal|
wutong|||1|50|77|||wutong-idle,wutong-normal|wutong-normal
wutong-t1|||5||||||
wutong-t2|||7|30|500|cpu=8,gres/gpu=16|gres/gpu=5000|wutong-idle|wutong-idle
wutong-t2.p|||parent||||||
"""

NESTED = """\
wutong-t1|wtx1||1|||||||6|7
wutong-t2|wtx2||1|||||||10|11
wutong-t2.p|bob|ai|1|||||||13|14
wutong-t2.p|wtx2||1|||||||15|16
root|root||1|||||||20|21
root|||1|||||normal||1|22
physics|||1|||||wutong-normal||2|3
wutong|||1|50|77|||wutong-idle,wutong-normal|wutong-normal|4|19
wutong-t1|||5|||||||5|8
wutong-t2|||7|30|500|cpu=8,gres/gpu=16|gres/gpu=5000|wutong-idle|wutong-idle|9|18
wutong-t2.p|||parent|||||||12|17
"""

UNKNOWN_FIELD = " Unknown field 'lineage'"  # what it says to a column it does not have, on standard error

USE = """\
wutong-t2.p|wutong-idle
wutong-t2.p|wutong-idle
"""
