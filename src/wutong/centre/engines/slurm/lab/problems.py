"""What keeps a lab from coming up, each with the sentence that says what to do."""

from wutong.kit.errors import Problem, Unavailable


class SlurmMissing(Unavailable):
    """Slurm, or what belongs to it, is not installed."""

    code = "slurm_missing"
    message = "These programs are missing: {programs}. Run `make setup-slurm`, which installs them from Debian's packages."


class NeedsRoot(Problem):
    """Only root may start daemons that run jobs as other users."""

    code = "lab_needs_root"
    message = "A lab is started by root, because its nodes run jobs as other users. Run the command again with sudo."


class UserMissing(Problem):
    """A system user that the packages make is not there."""

    code = "lab_user_missing"
    message = "There is no user {user} on this machine. Run `make setup-slurm`: the package {package} makes it."


class FolderUnfit(Problem):
    """The lab cannot live in this folder."""

    code = "lab_folder_unfit"
    message = "The folder {folder} cannot hold a lab: {reason}"


class LabRunning(Problem):
    """Somebody runs a lab in the folder."""

    code = "lab_running"
    status = 409
    message = "A lab runs in {folder} already (process {pid}). Stop it with `wutong lab slurm --stop {folder}`, or give another folder."


class NoLab(Problem):
    """There is no lab in the folder."""

    code = "no_lab"
    status = 404
    message = "There is no lab in {folder}."


class NoPortsFree(Unavailable):
    """Every block of ports is taken."""

    code = "no_ports_free"
    message = "No block of ports between {first} and {last} is free. Stop a lab that is no longer needed."


class WrongNodeCount(Problem):
    """A lab has room for fewer nodes, or for more."""

    code = "lab_node_count"
    status = 422
    message = "A lab on one machine has 1 to {most} nodes, and each pool at least one, not {nodes}."


class CannotConfine(Problem):
    """An option needs more than this machine allows."""

    code = "lab_cannot_confine"
    message = "This machine does not allow {what}: {reason} Start the lab without it."


class DaemonFailed(Unavailable):
    """A daemon ended or did not become ready."""

    code = "lab_daemon_failed"
    message = "{which} {what}. The end of its log, which is kept in {folder}:\n{log}"


class NoSuchDaemon(Problem):
    """The lab has no such daemon, or it does not run."""

    code = "no_such_daemon"
    status = 404
    message = "{which} does not run in this lab; running are: {running}."
