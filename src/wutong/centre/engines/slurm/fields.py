"""What is asked of Slurm's programs for each job, each past start and each node, in the order in which it is read again."""

QUEUE_FIELDS = (
    "JobArrayID",
    "State",
    "Reason",
    "UserName",
    "Partition",
    "SubmitTime",
    "StartTime",
    "EndTime",
    "RestartCnt",
    "exit_code",
    "BatchHost",
    "Name",
)
PAST_FIELDS = ("JobID", "State", "ExitCode", "User", "Account", "Partition", "Submit", "Start", "End", "NodeList", "AllocTRES", "JobName")
NODE_FORMAT = "%N|%T|%c|%m|%G|%R|%v"
