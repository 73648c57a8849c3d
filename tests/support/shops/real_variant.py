"""A variant for any PrestaShop: another logo, by a setting and a file, and another name of a product, by rows."""

import struct
import zlib

from selenium.webdriver.common.by import By

NAME = "evening"
LOGO = "evening-logo.png"
LOGO_SIZE = (37, 23)
PRODUCT_NAME = "Lantern for long evenings"


def write_variants(template, folder):
    """Write the file that declares the variant, and next to it its files; return its path."""
    pictures = folder / NAME / "img"
    pictures.mkdir(parents=True)
    (pictures / LOGO).write_bytes(picture(*LOGO_SIZE))
    declared = folder / "variants.toml"
    declared.write_text(
        f'[{NAME}]\ntitle = "Evening"\nconfiguration = {{ PS_LOGO = "{LOGO}" }}\nfiles = "{NAME}"\n'
        f'[[{NAME}.rows]]\ntable = "product_lang"\nwhere = {{ id_product = {product(template)} }}\n'
        f'set = {{ name = "{PRODUCT_NAME}" }}\n'
    )
    return declared


def product(template):
    """Return the number of the product that is another one in the variant."""
    ((number,),) = template.query(f"SELECT MIN(id_product) FROM {template.prefix}product WHERE active = 1")
    return number


def picture(width, height):
    """Return a PNG of one colour."""

    def part(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x30\x82\x5a" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


def sizes_of_the_logo(browser):
    """Return width and height of each picture of the page that the variant's setting names, as its file has them."""
    pictures = browser.find_elements(By.CSS_SELECTOR, f"img[src*='{LOGO}']")
    return [tuple(int(one.get_property(f"natural{side}")) for side in ("Width", "Height")) for one in pictures]
