"""Speaks OpenID Connect with one provider: discovery, the address to send a browser to, and the exchange of a code for checked claims."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from wutong.identity.oidc.rules import Claims, Flow, ProviderAway, ProviderRefused
from wutong.kit import clock
from wutong.kit.settings import OidcProvider

SECONDS = 10.0
FRESH = timedelta(hours=1)
LEEWAY_S = 60
SCOPE = "openid email profile"
# Signatures by keys that only the provider has. Never "none", and never a shared secret, which an attacker might make of a public key.
ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Provider:
    """One provider of the settings. What it says of itself is read once an hour; its keys also when a token names one we do not know."""

    def __init__(self, settings: OidcProvider) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._keys: dict[str, Any] | None = None

    def address(self, flow: Flow, state: str) -> str:
        """Return where to send the browser."""
        metadata = self._discover()
        with self._client() as client:
            options = {"state": state, "nonce": flow.nonce, "code_verifier": flow.verifier, "redirect_uri": flow.redirect_uri}
            url, _ = client.create_authorization_url(metadata["authorization_endpoint"], **options)
            return str(url)

    def claims(self, code: str, flow: Flow) -> Claims:
        """Exchange the code a browser came back with, and check what comes for it. Raises `ProviderRefused`, `ProviderAway`."""
        metadata = self._discover()
        try:
            with self._client() as client:
                client.code_challenge_method = "S256"
                token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=flow.verifier, redirect_uri=flow.redirect_uri)
                said = self._check(token, flow.nonce)
                if "email" not in said and (endpoint := metadata.get("userinfo_endpoint")):
                    said = {**said, **self._user(client, endpoint, said["sub"])}
        except httpx2.HTTPError as error:
            raise self._away(error) from error
        except (AuthlibBaseError, JoseError, ValueError, KeyError) as error:
            raise ProviderRefused(label=self.settings.label, reason=_short(error)) from error
        return Claims(str(said["sub"]), str(said.get("email") or "").strip().lower(), said.get("email_verified") is True, str(said.get("name") or ""))

    def _check(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        raw = token["id_token"]
        try:
            decoded = jwt.decode(raw, self._key_set(), registry=JWSRegistry(algorithms=sorted(ALGORITHMS), strict_check_header=False))
        except (JoseError, ValueError):  # keys are changed from time to time; those we know may be yesterday's
            decoded = jwt.decode(raw, self._key_set(fresh=True), registry=JWSRegistry(algorithms=sorted(ALGORITHMS), strict_check_header=False))
        wanted = {
            "iss": {"essential": True, "value": self.settings.issuer},
            "aud": {"essential": True, "value": self.settings.client_id},
            "exp": {"essential": True},
            "sub": {"essential": True},
            "nonce": {"essential": True},
        }
        params = {"nonce": nonce, "client_id": self.settings.client_id}
        claims = CodeIDToken(decoded.claims, decoded.header, wanted, params)
        claims.validate(now=int(clock.now().timestamp()), leeway=LEEWAY_S)
        return dict(claims)

    def _user(self, client: OAuth2Client, endpoint: str, subject: str) -> dict[str, Any]:
        answer = client.get(endpoint)
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        if said.get("sub") != subject:
            raise ValueError("it speaks of somebody else")
        return {name: said[name] for name in ("email", "email_verified", "name") if name in said}

    def _discover(self) -> dict[str, Any]:
        with self._lock:
            now = clock.monotonic()
            if self._metadata is None or now - self._metadata[0] > FRESH.total_seconds():
                self._metadata = now, self._read_metadata()
            return self._metadata[1]

    def _read_metadata(self) -> dict[str, Any]:
        issuer = self.settings.issuer
        where = urlsplit(issuer)
        if where.scheme != "https" and where.hostname not in _LOOPBACK:
            raise ProviderAway(label=self.settings.label, reason="its issuer must begin with https", what=issuer)
        said = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != issuer or not {"authorization_endpoint", "token_endpoint", "jwks_uri"} <= said.keys():
            raise ProviderAway(label=self.settings.label, reason="its description is of another issuer", what=issuer)
        return said

    def _key_set(self, *, fresh: bool = False) -> KeySet:
        if self._keys is None or fresh:
            self._keys = self._get(self._discover()["jwks_uri"])
        return KeySet.import_key_set(self._keys)  # type: ignore[arg-type]

    def _get(self, url: str) -> dict[str, Any]:
        try:
            answer = httpx2.get(url, timeout=SECONDS)
            answer.raise_for_status()
            said: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise self._away(error) from error
        return said

    @contextmanager
    def _client(self) -> Iterator[OAuth2Client]:
        settings = self.settings
        secret = settings.client_secret.get_secret_value()
        with OAuth2Client(settings.client_id, secret, scope=SCOPE, code_challenge_method="S256", timeout=SECONDS, trust_env=False) as client:
            yield client

    def _away(self, error: Exception) -> ProviderAway:
        return ProviderAway(label=self.settings.label, reason=_short(error), what=self.settings.label)


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
