"""The secrets that a configuration refers to, and whether a file is open to others.

Takes a reference and the site's folder, gives a secret that hides itself; `KeyFault` for what is missing, empty,
written another way, or open to others. A secret's value is in no message, no repr, no log.
"""

import getpass
import os
import sys
from pathlib import Path, PurePosixPath

from pydantic import SecretStr

from gateway.errors import KeyFault
from gateway.words import _

#: Where systemd puts a service's credentials (systemd.exec(5)).
CREDENTIALS = "CREDENTIALS_DIRECTORY"
#: What a reference may begin with.
FORMS = ("file:", "env:", "credential:")


def read_secret(reference: str, site: Path) -> SecretStr:
    """The secret behind `file:keys/x` (a path inside the site's folder, one line end cut), `env:NAME`, or
    `credential:NAME` (of systemd).

    `KeyFault` for any other form (without repeating it: it may be the secret), for a secret that is missing
    or empty, and for a file that others may read.
    """
    form, _colon, rest = reference.partition(":")
    if form == "env" and rest:
        return SecretStr(_secret_of_environment(rest))
    if form == "credential" and rest and "/" not in rest:
        return SecretStr(_secret_of_file(credential(rest), rest))
    path = PurePosixPath(rest)
    if form == "file" and rest and not path.is_absolute() and ".." not in path.parts:
        _refuse(site / path, rest)
        return SecretStr(_secret_of_file(site / path, rest))
    raise KeyFault(
        _("密钥的写法不对"),
        next_step=_(
            "只能写 file:keys/文件名(相对于站点目录)、env:环境变量名或 credential:systemd 凭据名,不能直接写密钥"
        ),
    )


def read_passphrase(reference: str, site: Path) -> SecretStr:
    """The same for the passphrase of the site's own keys, which may also lie outside the site (`file:/etc/…`), or be
    asked for (`prompt`)."""
    if reference == "prompt":
        return SecretStr(_asked())
    form, _colon, rest = reference.partition(":")
    if form == "file" and PurePosixPath(rest).is_absolute():
        _refuse(Path(rest), rest)
        return SecretStr(_secret_of_file(Path(rest), rest))
    return read_secret(reference, site)


def passphrase_file(reference: str, site: Path) -> Path | None:
    """The file that such a reference means; None where it means no file."""
    form, _colon, rest = reference.partition(":")
    return site / rest if form == "file" and rest else None  # an absolute one stands for itself


def credential(name: str) -> Path:
    """Where systemd put a credential. `KeyFault` where it gave this process none."""
    if folder := os.environ.get(CREDENTIALS):
        return Path(folder) / name
    raise KeyFault(
        _("systemd 没有为本进程提供凭据"),
        where=name,
        next_step=_("请在服务单元中配置 LoadCredentialEncrypted;手工运行时用 systemd-run 带上同样的配置"),
    )


def _asked() -> str:
    if not sys.stdin.isatty():
        step = _("请在终端上运行;守护进程请改用 [keys] passphrase 的文件或 systemd 凭据")
        raise KeyFault(_("需要输入密钥口令,但没有终端"), next_step=step)
    if typed := getpass.getpass(_("站点密钥的口令:")):
        return typed
    raise KeyFault(_("口令不能为空"), next_step=_("请重新运行"))


def _secret_of_environment(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise KeyFault(_("环境变量没有设置或为空"), where=name, next_step=_("请在启动网关前设置该环境变量"))


def _secret_of_file(path: Path, name: str) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise KeyFault(
            _("密钥文件读不出来或不是 UTF-8 文本"), where=name, next_step=_("请核对该文件")
        ) from None
    if secret := text.removesuffix("\n").removesuffix("\r"):
        return secret
    raise KeyFault(_("密钥文件是空的"), where=name, next_step=_("请把密钥写入该文件"))


def _refuse(path: Path, name: str) -> None:
    refuse_open_to_others(path, "chmod 600", name)


def refuse_open_to_others(path: Path, command: str, name: str = "") -> None:
    """Raises KeyFault where the file or folder is missing, or open to anybody but its owner."""
    name = name or path.name
    try:
        mode = path.stat().st_mode
    except OSError:
        raise KeyFault(
            _("密钥文件或目录不存在,或无权读取"), where=name, next_step=_("请核对路径;新站点请先生成密钥")
        ) from None
    if mode & 0o077:
        raise KeyFault(
            _("其他用户也能读取密钥"),
            where=name,
            next_step=_("请执行 {command} {path}").format(command=command, path=path),
        )
