"""One authenticated SSH connection to a server whose key is known beforehand.

Takes an `SftpAddress`, gives a connected SFTP client. `PeerUntrusted` for an unknown or changed host key,
`PeerRefused` for a refused login or algorithms of yesterday, `PeerUnreachable` for no connection, a cut or a
stall, `KeyFault` for a private key or pinned line that cannot be read. With `sftp.py` the only door to
paramiko.
"""

import base64
import binascii
import hashlib
import io
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import paramiko
from paramiko.ssh_exception import IncompatiblePeer
from pydantic import SecretStr

from gateway.errors import GatewayError, KeyFault, PeerBroken, PeerRefused, PeerUnreachable, PeerUntrusted
from gateway.words import _

# It writes tracebacks for every refused connection; what an operator must know is in our own errors.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)

#: CBC leaks plain text (CVE-2008-5161), MD5 and SHA-1 are broken: offered to nobody.
DISABLED = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
}
#: A server with an RSA key calls it so in its line, and signs with one of these.
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")
KEY_CLASSES = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@dataclass(frozen=True, kw_only=True)
class SftpAddress:
    """Where a server is, who it must prove to be, and who we are there."""

    host: str
    port: int
    user: str
    #: One line as in OpenSSH's known_hosts without the name: `ssh-ed25519 AAAA… comment`. None: not yet
    #: pinned.
    host_key: str | None
    #: The same of a key that the server shows soon, or showed until lately; None = there is none.
    other_host_key: str | None = None
    password: SecretStr | None = None
    #: Text of an unencrypted private key, OpenSSH or PEM (RSA, EC). Goes before the password.
    private_key: SecretStr | None = None
    #: Seconds for each of: connecting, banner, key exchange, login, one answer.
    timeout: float = 30.0

    @property
    def pinned(self) -> list[str]:
        """The lines of all keys by which the server may prove itself."""
        return [line for line in (self.host_key, self.other_host_key) if line is not None]

    @property
    def where(self) -> str:
        """How messages name the server."""
        return f"sftp://{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class HostKey:
    """The public key that a server showed."""

    #: `ssh-ed25519 AAAA…`: what goes into the configuration once a person has compared the fingerprint.
    line: str
    #: `SHA256:…` as `ssh-keygen -l` prints it.
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Connection:
    """An open session."""

    transport: paramiko.Transport
    channel: paramiko.Channel
    client: paramiko.SFTPClient


def show_host_key(host: str, port: int, timeout: float) -> HostKey:
    """The key that a server shows, without login. `PeerUnreachable`, `PeerRefused` or `PeerBroken` if it
    shows none."""
    where = f"sftp://{host}:{port}"
    transport = _dial(host, port, timeout, where)
    try:
        with translated(transport, where):
            transport.start_client(timeout=timeout)
            return _shown(transport, where)
    finally:
        transport.close()


def connect(address: SftpAddress) -> Connection:
    """A session whose server has proved its key and who has let us in. Errors: see the module."""
    transport = _dial(address.host, address.port, address.timeout, address.where)
    try:
        with translated(transport, address.where):
            _prefer_gcm(transport)
            _prefer_pinned(transport, address)
            transport.start_client(timeout=address.timeout)
            _check_host_key(_shown(transport, address.where), address)
            _log_in(transport, address)
            return _open_sftp(transport, address.timeout)
    except BaseException:
        transport.close()
        raise


@contextmanager
def closing_after(transport: paramiko.Transport, seconds: float) -> Iterator[None]:
    """Close the connection if the block takes longer: some of paramiko's waits have no timeout of their
    own."""
    timer = threading.Timer(seconds, transport.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def translated(transport: paramiko.Transport, where: str, subject: str = "") -> Iterator[None]:
    """Turn paramiko's exceptions and the sockets' into ours. `subject` is the path that the block works
    on."""
    try:
        yield
    except GatewayError:
        raise
    except (paramiko.SSHException, EOFError, OSError, UnicodeError) as error:
        raise _ours(error, transport, where, subject) from error


def _dial(host: str, port: int, timeout: float, where: str) -> paramiko.Transport:
    try:
        sock = socket.create_connection((host, port), timeout=timeout)
    except OSError as error:
        raise PeerUnreachable(
            _("连接不上服务器"), where=where, next_step=_("请检查网络、地址和端口;下次运行会自动重试")
        ) from error
    try:
        transport = paramiko.Transport(sock, disabled_algorithms=DISABLED)
    except BaseException:
        sock.close()
        raise
    transport.banner_timeout = transport.handshake_timeout = timeout
    transport.auth_timeout = transport.channel_timeout = timeout
    return transport


def _shown(transport: paramiko.Transport, where: str) -> HostKey:
    if transport.initial_kex_done:
        key = transport.get_remote_server_key()
        return HostKey(line=f"{key.get_name()} {key.get_base64()}", fingerprint=_fingerprint(key.asbytes()))
    raise _unreachable(where)


def _fingerprint(blob: bytes) -> str:
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _prefer_gcm(transport: paramiko.Transport) -> None:
    """Cipher and check in one pass, where the server can: a seventh less work than AES-CTR with an HMAC."""
    options = transport.get_security_options()
    options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "gcm" not in name))


def _prefer_pinned(transport: paramiko.Transport, address: SftpAddress) -> None:
    """Ask for the pinned kind of key first: a server has several, and would show another kind."""
    kinds = [_pinned(line, address.where)[0] for line in address.pinned]
    pinned = [name for kind in kinds for name in (RSA_SIGNATURES if kind == "ssh-rsa" else (kind,))]
    options = transport.get_security_options()
    options.key_types = tuple(sorted(options.key_types, key=lambda name: name not in pinned))


def _pinned(line: str, where: str) -> tuple[str, bytes]:
    fields = line.split()
    try:
        return fields[0], base64.b64decode(fields[1], validate=True)
    except (IndexError, binascii.Error) as error:
        raise KeyFault(
            _("配置的主机密钥无法识别,应形如 “ssh-ed25519 AAAA…”"),
            where=where,
            next_step=_("请按 ssh-keyscan 输出的后两段填写"),
        ) from error


def _check_host_key(shown: HostKey, address: SftpAddress) -> None:
    kind, blob = shown.line.split()
    if not address.pinned:
        what = _("尚未登记该服务器的主机密钥,未登录")
    elif (kind, base64.b64decode(blob)) in [_pinned(line, address.where) for line in address.pinned]:
        return
    else:
        what = _("服务器的主机密钥与登记的不同,未登录(可能换了服务器,也可能有人冒充)")
    raise PeerUntrusted(what, where=address.where, next_step=_compare(shown, address))


def _compare(shown: HostKey, address: SftpAddress) -> str:
    text = _(
        "服务器出示的指纹是 {fingerprint};请向对方核实,用 gateway doctor --host-key {host}:{port} 查看"
        "(或 ssh-keyscan -p {port} {host} | ssh-keygen -lf -),一致后再登记"
    )
    return text.format(fingerprint=shown.fingerprint, host=address.host, port=address.port)


def _log_in(transport: paramiko.Transport, address: SftpAddress) -> None:
    if address.private_key is not None:
        transport.auth_publickey(address.user, _private_key(address.private_key, address.where))
    elif address.password is not None:
        transport.auth_password(address.user, address.password.get_secret_value())
    else:
        raise KeyFault(_("既没有配置密码,也没有配置私钥"), where=address.where, next_step=_("请补充其中一项"))


def _private_key(secret: SecretStr, where: str) -> paramiko.PKey:
    text = secret.get_secret_value().strip() + "\n"
    for kind in KEY_CLASSES:
        try:
            return kind.from_private_key(io.StringIO(text))
        except (paramiko.SSHException, ValueError, IndexError):
            continue  # another kind of key, or none at all
    raise KeyFault(
        _("登录私钥无法读取(支持不带口令的 OpenSSH、RSA、EC 格式)"),
        where=where,
        next_step=_("可用 ssh-keygen -p -N '' -f 私钥文件 转换格式"),
    )


def _open_sftp(transport: paramiko.Transport, timeout: float) -> Connection:
    with closing_after(transport, timeout):
        channel = transport.open_session(timeout=timeout)
        channel.settimeout(timeout)
        channel.invoke_subsystem("sftp")
        return Connection(transport=transport, channel=channel, client=paramiko.SFTPClient(channel))


def _ours(
    error: Exception, transport: paramiko.Transport, where: str, subject: str
) -> PeerUnreachable | PeerRefused | PeerBroken:
    if isinstance(error, IncompatiblePeer):
        return PeerRefused(
            _("服务器只提供过时的算法(如 SHA-1、CBC),不能安全连接"),
            where=where,
            next_step=_("请对方升级 SSH 服务,启用 SHA-2 的密钥交换、主机密钥和校验算法"),
        )
    if isinstance(error, paramiko.AuthenticationException):
        return _login_error(error, transport, where)
    if isinstance(error, UnicodeError):
        return PeerBroken(
            _("服务器给出的文件名不是 UTF-8"), where=where, next_step=_("请对方改用 UTF-8 或英文数字的文件名")
        )
    if _is_cut(error) or not transport.is_active():
        return _unreachable(where)
    if isinstance(error, OSError):
        return _path_error(error, where, subject)
    return PeerBroken(
        _("服务器的应答不合 SFTP 协议"), where=where, next_step=_("下次运行会自动重试;请联系对方")
    )


def _is_cut(error: BaseException) -> bool:
    """True where a broken line stands anywhere behind the error: paramiko wraps it, and its transport may still look
    alive for a moment."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, TimeoutError | EOFError | ConnectionError):
        behind = behind.__cause__ or behind.__context__
    return behind is not None


def _login_error(
    error: paramiko.AuthenticationException, transport: paramiko.Transport, where: str
) -> PeerUnreachable | PeerRefused:
    """A server that hangs up during login says as little as a broken line; one that stays has refused us."""
    if not transport.is_active() and not isinstance(error, paramiko.BadAuthenticationType):
        return _unreachable(where)
    return PeerRefused(
        _("服务器拒绝登录"), where=where, next_step=_("请核对用户名、密码或私钥,并请对方确认账号可用")
    )


def _unreachable(where: str) -> PeerUnreachable:
    return PeerUnreachable(
        _("与服务器的连接中断或超时"), where=where, next_step=_("下次运行会自动重试;持续出现时请检查网络")
    )


def _path_error(error: OSError, where: str, subject: str) -> PeerRefused:
    if isinstance(error, FileNotFoundError):
        what = _("服务器上没有 {path}")
    elif isinstance(error, PermissionError):
        what = _("服务器不允许访问 {path}")
    else:
        what = _("服务器未能完成对 {path} 的操作")
    return PeerRefused(
        what.format(path=subject), where=where, next_step=_("请核对配置的目录,并请对方检查目录和权限")
    )
