"""TLS with certificates from files: what the settings say, and whether the files can be used.

The files are read once. Whoever replaces a certificate starts the agent anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mesh.serving.environment import Environ, SettingError, read_text

if TYPE_CHECKING:
    import ssl

MODE = "MCP_MESH_TLS_MODE"
PROVIDER = "MCP_MESH_TLS_PROVIDER"
CERT = "MCP_MESH_TLS_CERT"
KEY = "MCP_MESH_TLS_KEY"
CA = "MCP_MESH_TLS_CA"

VARIABLES = (MODE, PROVIDER, CERT, KEY, CA)

# What OpenSSL says of a key that belongs to another certificate.
MISMATCHES = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
# What it says of a certificate that cannot be shown now, by its number.
UNFIT = {
    9: "a certificate that is valid by now, and its first day is still to come",
    10: "a certificate that is still valid, and it has expired",
    26: "a certificate for a server, and its extended key usage says that it is for something else",
}


@dataclass(frozen=True, slots=True)
class Tls:
    """Files that were read and fit together, by their absolute paths."""

    cert: str
    key: str
    # Whom this agent believes beside the system's authorities, and whose certificates its callers
    # need; None lets everybody call it.
    ca: str | None
    # Whether the settings ask for callers with certificates: `strict`.
    is_strict: bool
    # What a server of the agent's own listens with.
    server: ssl.SSLContext = field(repr=False, compare=False)

    def trust(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """Makes a client's context that of this agent, beside whatever it trusts already."""
        context.load_default_certs()
        if self.ca is not None:
            context.load_verify_locations(cafile=self.ca)
        context.load_cert_chain(self.cert, self.key)
        return context


def read_tls(environ: Environ) -> Tls | None:
    """Reads settings and files; None while TLS is off. Raises `SettingError`."""
    mode = (read_text(environ, MODE) or "off").lower()
    if mode not in ("off", "auto", "strict"):
        raise SettingError(MODE, environ[MODE], "'off', 'auto' or 'strict'")
    if mode == "off":
        return None
    _check_provider(environ)
    cert, key, ca = (read_text(environ, name) for name in (CERT, KEY, CA))
    if cert is None or key is None:
        missing = CERT if cert is None else KEY
        raise SettingError(missing, "", f"the name of a PEM file, because {MODE} is {mode!r}")
    tls = Tls(
        cert=str(Path(cert).absolute()),
        key=str(Path(key).absolute()),
        ca=None if ca is None else str(Path(ca).absolute()),
        is_strict=mode == "strict",
        server=_server_context(cert, key, ca),
    )
    _check_client(tls, environ)
    return tls


def _check_provider(environ: Environ) -> None:
    provider = read_text(environ, PROVIDER)
    if provider is None or provider.lower() == "file":
        return
    allowed = "'file', the only one"
    if provider.lower() in ("vault", "spire"):
        writer = {"vault": "Vault's agent", "spire": "spiffe-helper"}[provider.lower()]
        allowed += f"; have {writer} write PEM files, and name them in {CERT}, {KEY} and {CA}"
    raise SettingError(PROVIDER, provider, allowed)


def _check_client(tls: Tls, environ: Environ) -> None:
    """Calls are made by another implementation of TLS, which takes fewer kinds of keys."""
    from mesh._mesh import Jobs

    try:
        # Touches no network.
        Jobs.connect("https://localhost", tls_ca=tls.ca, tls_cert=tls.cert, tls_key=tls.key)
    except RuntimeError as error:
        variable = next((name for name in (KEY, CERT, CA) if f"`{name}`" in str(error)), KEY)
        allowed = f"a file that calls can be made with ({error})"
        if variable == KEY:
            allowed = "a key of RSA, of Ed25519, or of ECDSA with the curve P-256 or P-384"
        raise SettingError(variable, environ[variable], allowed) from None


def _server_context(cert: str, key: str, ca: str | None) -> ssl.SSLContext:
    import ssl

    from mesh.serving.handshakes import Handshake

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, cert, key)
    if ca is not None:
        _load_authorities(context, ca)
        context.verify_mode = ssl.CERT_REQUIRED
    context.sslobject_class = Handshake
    return context


def _load_own(context: ssl.SSLContext, cert: str, key: str) -> None:
    """Loads the agent's certificate and key, and tells what is wrong with either."""
    import ssl

    shown = _pem(CERT, cert, "CERTIFICATE")
    _check_certificates(CERT, cert, shown)
    if "ENCRYPTED" in _pem(KEY, key, "PRIVATE KEY"):
        raise SettingError(KEY, key, "a key without a passphrase, which nobody could be asked for")
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        if error.reason in MISMATCHES:
            allowed = f"the key to the certificate in {cert}, and is another's"
        elif error.reason:
            reason = error.reason.replace("_", " ").lower()
            allowed = f"the key to the certificate in {cert} (OpenSSL: {reason})"
        else:
            allowed = "a PEM file whose private key is whole"
        raise SettingError(KEY, key, allowed) from None
    fault = _fault(context, shown)
    if fault is not None:
        raise SettingError(CERT, cert, fault)


def _load_authorities(context: ssl.SSLContext, ca: str) -> None:
    import ssl
    import time

    _check_certificates(CA, ca, _pem(CA, ca, "CERTIFICATE"))
    context.load_verify_locations(cafile=ca)
    ends = [str(each["notAfter"]) for each in context.get_ca_certs()]
    if ends and max(map(ssl.cert_time_to_seconds, ends)) < time.time():
        raise SettingError(CA, ca, f"an authority that is still valid, and expired at {ends[0]}")


def _pem(variable: str, path: str, kind: str) -> str:
    """The text of a file that holds at least one such thing."""
    what = "a private key" if kind == "PRIVATE KEY" else "a certificate"
    try:
        text = Path(path).read_text(encoding="ascii", errors="replace")
    except OSError as error:
        allowed = f"a PEM file that can be read ({error.strerror})"
        raise SettingError(variable, path, allowed) from None
    if f"{kind}-----" not in text:
        raise SettingError(variable, path, f"a PEM file with {what}, and holds none")
    return text


def _check_certificates(variable: str, path: str, text: str) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise SettingError(variable, path, "a PEM file whose certificates are whole") from None


def _fault(server: ssl.SSLContext, shown: str) -> str | None:
    """Why nobody would accept what this server shows, or None.

    A client that trusts exactly this certificate shakes hands with the server in memory.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=shown)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(to_client, to_server)
    host = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, host):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return UNFIT.get(error.verify_code)
            if side is client:
                return None
    return None
