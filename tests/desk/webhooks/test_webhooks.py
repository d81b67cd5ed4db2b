"""Webhooks against a real HTTP server: signed, once, again after failures, and nowhere they must not go."""

import asyncio
import datetime as dt
import http.server
import json
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from tests.desk.conftest import make_cast

from wutong.desk.notices.rules import Fact
from wutong.desk.notices.service import set_preferences, tell
from wutong.desk.rules import Channel, NoticeKind
from wutong.desk.webhooks import service
from wutong.desk.webhooks.courier import HOLD, Courier
from wutong.desk.webhooks.post import post, resolve
from wutong.desk.webhooks.rules import KEEP, MOST_WEBHOOKS, PAUSES, DeliveryState, TooManyWebhooks, UnsafeTarget, sign
from wutong.kit.errors import Conflict, Forbidden, NotFound
from wutong.kit.loops import drain
from wutong.kit.seal import ensure_key


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what it gets, and answers with the next of `answers`, else 204."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.got, self.answers = [], []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name="127.0.0.1", scheme="http"):
        return f"{scheme}://{name}:{self.server_address[1]}/hook?x=1"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.got.append((self.path, dict(self.headers), body))
        status = self.server.answers.pop(0) if self.server.answers else 204
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.server.url())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def key_file(tmp_path):
    return ensure_key(tmp_path / "secret.key")


@pytest.fixture
def people(database):
    with database.session() as session:
        return make_cast(session)


@pytest.fixture
def courier(database, key_file):
    return Courier(database, key_file, loopback=True)


def add(database, who, url, key_file, kinds=tuple(NoticeKind)):
    with database.session() as session:
        return service.add_webhook(session, who, url, kinds, key_file=key_file, loopback=True)


def happen(database, who, key="job:1", kind=NoticeKind.JOB_ENDED, about=None):
    with database.session() as session:
        tell(session, [Fact(kind, key, who.tenant_id, [who.person_id], {"job_id": "job_1", "job_name": "训练", "state": "failed"}, about=about)])


def deliveries(database, who, webhook):
    with database.session() as session:
        return [(each.state, each.tries, each.status) for each in service.list_deliveries(session, who, webhook.id).items]


def test_what_happens_is_sent_signed_and_once(database, people, receiver, courier, key_file):
    webhook, secret = add(database, people.owner, receiver.url(), key_file)
    for _ in range(2):
        happen(database, people.owner)
        drain(courier.step)
    ((path, headers, body),) = receiver.got
    assert path == "/hook?x=1"
    said = json.loads(body)
    assert (said["type"], said["tenant_id"], said["data"]["job_name"]) == ("job_ended", people.owner.tenant_id, "训练")
    expected = sign(secret, delivery_id=headers["webhook-id"], timestamp=int(headers["webhook-timestamp"]), body=body)
    assert headers["webhook-signature"] == expected
    assert headers["Content-Type"] == "application/json"
    assert deliveries(database, people.owner, webhook) == [(DeliveryState.DELIVERED, 1, 204)]
    with database.session() as session:
        assert secret not in str(session.execute(text("SELECT * FROM desk_webhook")).all())


def test_a_failure_is_tried_again_as_the_same_message(database, people, receiver, courier, key_file, fake_clock):
    webhook, _ = add(database, people.owner, receiver.url(), key_file)
    receiver.answers = [500, 302]
    happen(database, people.owner)
    assert drain(courier.step) == 1
    for pause in PAUSES[:2]:
        fake_clock.advance(pause.total_seconds())
        assert drain(courier.step) == 1
    assert len({headers["webhook-id"] for _, headers, _ in receiver.got}) == 1
    assert len({body for *_, body in receiver.got}) == 1
    assert len(receiver.got) == 3, "a redirect is not followed"
    assert deliveries(database, people.owner, webhook) == [(DeliveryState.DELIVERED, 3, 204)]


def test_it_is_given_up_after_a_day_and_tried_again_by_hand(database, people, receiver, courier, key_file, fake_clock):
    webhook, _ = add(database, people.owner, receiver.url(), key_file)
    receiver.answers = [503] * (len(PAUSES) + 1)
    happen(database, people.owner)
    for pause in (*PAUSES, PAUSES[-1]):
        courier.step()
        fake_clock.advance(pause.total_seconds())
    assert not courier.step()
    assert deliveries(database, people.owner, webhook) == [(DeliveryState.FAILED, len(PAUSES) + 1, 503)]
    with database.session() as session:
        (failed,) = service.list_deliveries(session, people.owner, webhook.id).items
        assert failed.problem == "It answered 503."
        service.retry_delivery(session, people.owner, webhook.id, failed.id)
        with pytest.raises(Conflict):
            service.retry_delivery(session, people.owner, webhook.id, failed.id)
    assert courier.step()
    assert deliveries(database, people.owner, webhook) == [(DeliveryState.DELIVERED, 1, 204)]


def test_an_address_that_is_gone_is_told_no_more(database, people, receiver, courier, key_file):
    webhook, _ = add(database, people.owner, receiver.url(), key_file)
    receiver.answers = [410]
    happen(database, people.owner)
    drain(courier.step)
    happen(database, people.owner, "job:2")
    assert not courier.step()
    with database.session() as session:
        (found,) = service.list_webhooks(session, people.owner)
        assert (found.enabled, "410" in found.problem) == (False, True)
        with pytest.raises(Conflict):
            service.test_webhook(session, people.owner, webhook.id)
        assert service.change_webhook(session, people.owner, webhook.id, enabled=True).problem == ""


def test_one_that_fails_delays_no_other_and_a_kill_loses_nothing(database, people, receiver, courier, key_file, fake_clock):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        deaf, _ = add(database, people.owner, f"http://127.0.0.1:{nobody.getsockname()[1]}/", key_file)
        well, _ = add(database, people.owner, receiver.url(), key_file)
        happen(database, people.owner)
        assert courier.step()
    assert deliveries(database, people.owner, well) == [(DeliveryState.DELIVERED, 1, 204)]
    assert deliveries(database, people.owner, deaf)[0][0] is DeliveryState.DUE

    class Killed(BaseException):
        pass

    class Dies(Courier):
        async def _send_all(self, parcels):
            raise Killed

    happen(database, people.owner, "job:2")
    with pytest.raises(Killed):
        Dies(database, key_file, loopback=True).step()
    assert len(receiver.got) == 1
    fake_clock.advance(HOLD.total_seconds())
    drain(courier.step)
    assert len(receiver.got) == 2


def test_only_what_is_wanted_is_sent(database, people, receiver, courier, key_file):
    add(database, people.owner, receiver.url(), key_file, kinds=[NoticeKind.TICKET])
    happen(database, people.owner)
    happen(database, people.owner, "ticket:1", NoticeKind.TICKET, about=people.colleague.person_id)
    with database.session() as session:
        set_preferences(session, people.colleague, {(NoticeKind.TICKET, Channel.WEBHOOK): False})
    happen(database, people.owner, "ticket:2", NoticeKind.TICKET, about=people.colleague.person_id)
    happen(database, people.stranger, "ticket:3", NoticeKind.TICKET)
    drain(courier.step)
    assert [json.loads(body)["type"] for *_, body in receiver.got] == ["ticket"]


def test_what_happens_to_two_at_once_is_sent_to_each_alone(database, people, receiver, courier, key_file):
    both = (people.owner, people.stranger)
    for who, path in zip(both, ("owner", "stranger"), strict=True):
        add(database, who, receiver.url().replace("hook", path), key_file)
    with database.session() as session:
        tell(session, [Fact(NoticeKind.JOB_ENDED, f"job:{who.tenant_id}", who.tenant_id, [who.person_id], {}) for who in both])
    drain(courier.step)
    sent = {(path.split("?")[0], json.loads(body)["tenant_id"]) for path, _, body in receiver.got}
    assert sent == {("/owner", people.owner.tenant_id), ("/stranger", people.stranger.tenant_id)}
    assert len(receiver.got) == 2


def test_a_trial_a_new_secret_and_an_end(database, people, receiver, courier, key_file):
    webhook, old = add(database, people.owner, receiver.url(), key_file)
    with database.session() as session:
        secret = service.renew_secret(session, people.owner, webhook.id, key_file=key_file)
        assert service.test_webhook(session, people.owner, webhook.id).kind == "ping"
    drain(courier.step)
    ((_, headers, body),) = receiver.got
    timestamp = int(headers["webhook-timestamp"])
    assert headers["webhook-signature"] == sign(secret, delivery_id=headers["webhook-id"], timestamp=timestamp, body=body)
    assert secret != old
    with database.session() as session:
        service.remove_webhook(session, people.owner, webhook.id)
        assert service.list_webhooks(session, people.owner) == []
        assert session.execute(text("SELECT count(*) FROM desk_delivery")).scalar() == 0


def test_they_are_for_those_who_manage_the_organisation(session, cast, key_file):
    webhook, _ = service.add_webhook(session, cast.owner, "https://hooks.example.cn/", key_file=key_file)
    for attempt in (
        lambda who: service.change_webhook(session, who, webhook.id, enabled=False),
        lambda who: service.remove_webhook(session, who, webhook.id),
        lambda who: service.test_webhook(session, who, webhook.id),
        lambda who: service.list_deliveries(session, who, webhook.id),
        lambda who: service.renew_secret(session, who, webhook.id, key_file=key_file),
    ):
        with pytest.raises(NotFound):
            attempt(cast.stranger)
        for who in (cast.colleague, cast.operator):
            with pytest.raises(Forbidden):
                attempt(who)
    assert service.list_webhooks(session, cast.stranger) == []
    for number in range(MOST_WEBHOOKS - 1):
        service.add_webhook(session, cast.owner, f"https://hooks.example.cn/{number}", key_file=key_file)
    with pytest.raises(TooManyWebhooks):
        service.add_webhook(session, cast.owner, "https://hooks.example.cn/more", key_file=key_file)


def test_without_leave_nothing_reaches_this_machine(database, people, receiver, key_file):
    with database.session() as session:
        with pytest.raises(UnsafeTarget):
            service.add_webhook(session, people.owner, "https://127.0.0.1/", key_file=key_file)
        webhook, _ = service.add_webhook(session, people.owner, receiver.url("localhost", "https"), key_file=key_file)
    happen(database, people.owner)
    Courier(database, key_file).step()
    with database.session() as session:
        (delivery,) = service.list_deliveries(session, people.owner, webhook.id).items
    assert "not a public address" in delivery.problem
    assert receiver.got == []
    with pytest.raises(UnsafeTarget):
        asyncio.run(resolve("localhost", 443, loopback=False))


def test_old_messages_are_forgotten(database, people, receiver, courier, key_file, fake_clock):
    webhook, _ = add(database, people.owner, receiver.url(), key_file)
    happen(database, people.owner)
    drain(courier.step)
    fake_clock.advance(KEEP.total_seconds() + 1)
    courier.step()
    assert deliveries(database, people.owner, webhook) == []


def certificate(folder, name):
    """A certificate for a name, signed by itself, and its file."""
    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(whose, whose, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    file = folder / f"{name}.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


def test_the_certificate_must_be_that_of_the_name_although_the_connection_is_to_the_address(receiver, tmp_path):
    trust = ssl.create_default_context()
    for name, fits in (("localhost", True), ("other.example", False)):
        file = certificate(tmp_path, name)
        trust.load_verify_locations(file)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(file)
        secured = Receiver.__new__(Receiver)
        http.server.ThreadingHTTPServer.__init__(secured, ("127.0.0.1", 0), Handler)
        secured.got, secured.answers = [], []
        secured.handle_error = lambda *_: None
        secured.socket = server.wrap_socket(secured.socket, server_side=True)
        threading.Thread(target=secured.serve_forever, daemon=True).start()
        try:
            sending = post(secured.url("localhost", "https"), "{}", {}, loopback=True, trust=trust)
            if fits:
                assert asyncio.run(sending) == 204
                assert secured.got[0][1]["Host"] == f"localhost:{secured.server_address[1]}"
            else:
                with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED"):
                    asyncio.run(sending)
        finally:
            secured.shutdown()
            secured.server_close()
