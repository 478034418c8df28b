"""Office workbooks under a password, for what a clerk without a login must open: WPS and Excel ask for it.

Takes the bytes of an xlsx and a password, and gives the bytes of the locked file, or the other way round; nothing
touches the disk. Refuses with `SealBroken`: no password on it, another password, damaged, no workbook at all. ECMA-376
agile encryption (MS-OFFCRYPTO 2.3.4.10 ff.), AES-256 and SHA-512: Office knows no SM4 (docs/decisions/0020).
"""

import io
import zipfile

from msoffcrypto.format.ooxml import OOXMLFile

from gateway.errors import SealBroken
from gateway.words import _


def lock_workbook(content: bytes, password: str) -> bytes:
    """The workbook under the password."""
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(content)).encrypt(password, out)
    return out.getvalue()


def unlock_workbook(content: bytes, password: str) -> bytes:
    """The workbook without its password; a zip file whose inside is unchecked. Raises SealBroken.

    The password is tried on the content. The verifiers beside it are not asked: they are optional in practice, and
    what older programs write there does not fit the standard.
    """
    if zipfile.is_zipfile(io.BytesIO(content)):
        step = _("请用 WPS 或 Excel 打开,设置打开口令后保存,再导入;没有口令的那一份请彻底删除")
        raise SealBroken(_("文件没有加密"), next_step=step)
    out = io.BytesIO()
    try:
        office = OOXMLFile(io.BytesIO(content))
        office.load_key(password=password)
        office.decrypt(out)
    except Exception:  # of a damaged file this package and olefile raise whatever they stumble over
        step = _("请核对口令;口令无误时,请经办人重新保存后再交来")
        raise SealBroken(_("打不开:口令不对,或文件已损坏"), next_step=step) from None
    return out.getvalue()
