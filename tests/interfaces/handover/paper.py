"""Sheets as those who get them use them: drawn, scanned, and opened. None of it is what made them."""

from typing import NamedTuple

import pypdfium2
import zxingcpp

DOTS_PER_POINT = 2.5  # 180 dpi, as a scanner of an office has at least


class Paper(NamedTuple):
    """What a document shows and holds."""

    pages: int
    text: str
    code: bytes
    files: dict[str, bytes]


def read_paper(pdf: bytes) -> Paper:
    """Draws the first page and reads the code on it."""
    document = pypdfium2.PdfDocument(pdf)
    drawn = document[0].render(scale=DOTS_PER_POINT, grayscale=True)
    [code] = zxingcpp.read_barcodes(memoryview(bytes(drawn.buffer)).cast("B", shape=[drawn.height, drawn.stride]))
    attached = [document.get_attachment(number) for number in range(document.count_attachments())]
    files = {each.get_name(): bytes(each.get_data()) for each in attached}
    return Paper(len(document), document[0].get_textpage().get_text_bounded(), code.bytes, files)
