"""The commands of a centre's machine: serve, stop, worker, api, migrate, seed, doctor, create-operator, lab. Imports come late: a quick start."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from wutong.app.lab import add_lab
from wutong.kit.errors import Problem


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status. A problem is printed as its sentence."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wutong", description="Run a centre on this machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="run the centre: database, agent, worker and API, each restarted when it dies")
    serve.add_argument("--stop-all", action="store_true", help="on the way out also stop the agent and the embedded database")
    serve.set_defaults(run=_serve)

    stop = commands.add_parser("stop", help="stop the centre; jobs that run go on unless --jobs is given")
    stop.add_argument("--keep-engine", action="store_true", help="leave the agent and the embedded database running")
    stop.add_argument("--jobs", action="store_true", help="end the jobs that run, too")
    stop.set_defaults(run=_stop)

    worker = commands.add_parser("worker", help="run the background loops")
    worker.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    worker.set_defaults(run=_worker)

    api = commands.add_parser("api", help="serve the API")
    api.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    api.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    api.set_defaults(run=_api)

    migrate = commands.add_parser("migrate", help="bring the database to this version's schema")
    migrate.add_argument("revision", nargs="?", default="head")
    migrate.set_defaults(run=_migrate)

    seed = commands.add_parser("seed", help="put in the default catalogue, prices and environments; what is there stays")
    seed.set_defaults(run=_seed)

    doctor = commands.add_parser("doctor", help="check this centre and say what is wrong")
    doctor.add_argument("--json", action="store_true", dest="as_json")
    doctor.set_defaults(run=_doctor)

    operator = commands.add_parser("create-operator", help="create a person of the centre, who may then let in others")
    operator.add_argument("--email", required=True)
    operator.add_argument("--name", required=True)
    operator.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    operator.set_defaults(run=_create_operator)

    add_lab(commands)
    return parser


def _serve(arguments: argparse.Namespace) -> int:
    from wutong.app.plan import become_supervisor, make_plan
    from wutong.kit.settings import Settings

    return become_supervisor(make_plan(Settings(), stop_all=arguments.stop_all))


def _stop(arguments: argparse.Namespace) -> int:
    from wutong.app.plan import make_plan
    from wutong.app.supervise import stop_centre
    from wutong.kit.settings import Settings

    return stop_centre(make_plan(Settings()), engine_too=not arguments.keep_engine, jobs_too=arguments.jobs)


def _worker(arguments: argparse.Namespace) -> int:
    from wutong.app.family import die_with
    from wutong.app.startup import importing

    die_with(arguments.parent)
    with importing():
        from wutong.app.worker import run_worker

    return run_worker()


def _api(arguments: argparse.Namespace) -> int:
    from wutong.app.family import die_with
    from wutong.app.startup import importing

    die_with(arguments.parent)
    with importing():
        from wutong.app.serving import run_api

    return run_api(arguments.fd)


def _migrate(arguments: argparse.Namespace) -> int:
    from wutong.app.build import open_database
    from wutong.app.migrate import migrate
    from wutong.kit.settings import Settings

    with open_database(Settings()) as database:
        migrate(database, arguments.revision)
    return 0


def _seed(arguments: argparse.Namespace) -> int:  # noqa: ARG001 every command has the same shape
    from wutong.app.build import open_database, seed
    from wutong.kit.settings import Settings

    settings = Settings()
    with open_database(settings) as database:
        seed(settings, database)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from wutong.app.doctor import examine
    from wutong.kit.settings import Settings

    checks = examine(Settings())
    if arguments.as_json:
        print(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        for check in checks:
            print(f"{check.label or ('ok' if check.ok else 'BAD'):4} {check.name}: {check.detail}")
    return 0 if all(check.ok for check in checks) else 1


def _create_operator(arguments: argparse.Namespace) -> int:
    from wutong.app.build import open_database
    from wutong.identity import passwords, service
    from wutong.kit.settings import Settings

    given = os.environ.get("WUTONG_PASSWORD")
    password = given or (sys.stdin.readline().rstrip("\n") if arguments.password_stdin else getpass.getpass("Password: "))
    password_hash = passwords.hash_password(password)
    with open_database(Settings()) as database, database.session() as session:
        person = service.create_operator(session, email=arguments.email, name=arguments.name, password_hash=password_hash)
    print(f"{person.id} may now sign in as {arguments.email}.")
    return 0
