#!/usr/bin/env python3
"""Makes the pictures of this folder and what Pillow sees in them.

    python3 make.py                    own synthetic pictures of all kinds, here
    python3 make.py PICTURES OUT [N]   references for (the first N of) a folder of pictures; then SAEDB_PICTURES=OUT go test ./clip/picture

list.txt names, line by line: file, reference, bound, and what becomes of transparency (white, or keep: Pillow's convert("RGB")).
A reference is what an encoder is shown, 224 by 224 pixels, as lossless WebP. A bound is one of
    exact      no sample differs
    max4       no sample differs by more than 4
    mean0.2    the mean difference is under 0.2
Needs Pillow and NumPy.
"""
import hashlib, io, math, pathlib, struct, sys, zlib

import numpy as np
from PIL import Image, ImageDraw, ImageOps

SIDE = 224


# What Pillow makes of a file.

def reference(path, alpha="white"):
    im = Image.open(path)
    im.seek(0)
    im = ImageOps.exif_transpose(im)
    if im.mode == "I;16":  # convert("RGB") would clip at 255
        im = Image.fromarray((np.asarray(im) >> 8).astype(np.uint8))
    if alpha == "white" and im.has_transparency_data:
        im = im.convert("RGBA")
        im = Image.alpha_composite(Image.new("RGBA", im.size, "white"), im)
    return crop(im.convert("RGB"))


def crop(im):
    """Shorter side to SIDE, bicubic, longer side rounded down; then the middle, halves to the even neighbour."""
    w, h = im.size
    w, h = (SIDE, int(SIDE * h / w)) if w <= h else (int(SIDE * w / h), SIDE)
    im = im.resize((w, h), Image.Resampling.BICUBIC)
    x, y = round((w - SIDE) / 2), round((h - SIDE) / 2)
    return im.crop((x, y, x + SIDE, y + SIDE))


class List:
    def __init__(self, folder):
        self.folder, self.lines = pathlib.Path(folder), []
        (self.folder / "ref").mkdir(parents=True, exist_ok=True)

    def add(self, path, bound, alpha="white", name=None):
        im = reference(path, alpha)
        ref = "ref/%s.webp" % hashlib.sha256(im.tobytes()).hexdigest()[:12]
        im.save(self.folder / ref, lossless=True, quality=100, method=6)
        self.lines.append(f"{name or path.name}\t{ref}\t{bound}\t{alpha}\n")

    def write(self):
        (self.folder / "list.txt").write_text("".join(self.lines))
        print(len(self.lines), "references in", self.folder)


# Three scenes: hard edges in strong colours (where chroma shows), smooth fields, and a little noise on flat ground.

def card(w, h):
    im = Image.new("RGB", (w, h), (236, 232, 220))
    d = ImageDraw.Draw(im)
    middle = .55 if min(w, h) > 20 else 1  # flat margins, to keep these files small
    at = lambda *xy: [(.5 + (v - .5) * middle) * (h if i % 2 else w) for i, v in enumerate(xy)]
    d.rectangle(at(.06, .1, .45, .5), fill=(200, 20, 30))
    d.ellipse(at(.3, .3, .8, .9), fill=(10, 60, 200))
    d.polygon(at(.55, .05, .95, .45, .6, .4), fill=(20, 170, 60))
    for x in .4, .47, .54, .61:  # strokes like writing
        d.line(at(x, .5, x + .03, .6, x, .7), fill=(255, 230, 0), width=max(1, w // 90))
    return im


def fade(w, h):
    x, y = np.meshgrid(np.linspace(0, 1, w), np.linspace(0, 1, h))
    r = 255 * x
    g = 255 * y
    b = 127 + 127 * np.cos(3 * math.pi * (x + y))
    return Image.fromarray(np.stack([r, g, b], -1).astype(np.uint8))


def grain(w, h):
    a = np.full((h, w, 3), (90, 110, 130), np.uint8)
    n = np.random.default_rng(7).integers(0, 256, (h // 7, w // 7, 3), dtype=np.uint8)
    a[h // 3:h // 3 + h // 7, w // 3:w // 3 + w // 7] = n
    return Image.fromarray(a)


SCENES = {"card": card, "fade": fade, "grain": grain}


def hole(im):
    """The picture with transparency: none in the middle, growing outwards, and a colour under the invisible."""
    w, h = im.size
    x, y = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    a = np.clip(420 - 330 * np.hypot(x, y), 0, 255).astype(np.uint8)
    out = im.convert("RGBA")
    out.putalpha(Image.fromarray(a // 16 * 17))
    return out


# PNG files that Pillow does not write: 16 bits, interlaced, one colour transparent.

def raw_png(path, samples, depth, kind, interlaced=False, trns=None):
    """samples: (h,w,channels) of 8 or 16 bits; kind: 0 gray, 2 RGB, 4 gray+alpha, 6 RGBA."""
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    def lines(part):
        part = part.astype(">u2" if depth == 16 else np.uint8)
        return b"".join(b"\0" + row.tobytes() for row in part)
    h, w = samples.shape[:2]
    if interlaced:  # Adam7: first column, first row, step across, step down
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        body = b"".join(lines(samples[y::dy, x::dx]) for x, y, dx, dy in passes if samples[y::dy, x::dx].size)
    else:
        body = lines(samples)
    head = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, int(interlaced))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + (chunk(b"tRNS", trns) if trns else b"")
                     + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b""))


def pngs(here, out):
    for name, scene in SCENES.items():
        im = scene(150, 110)
        save(here, out, f"rgb-{name}.png", im, "exact", optimize=True)
    for w, h in [(1, 1), (3, 2), (300, 21), (17, 240), (224, 224), (225, 224), (331, 224)]:
        save(here, out, f"size-{w}x{h}.png", card(w, h), "exact", optimize=True)
    im = card(120, 90)
    save(here, out, "rgba.png", hole(im), "exact", keep=True)
    save(here, out, "rgba-fade.png", hole(fade(90, 80)), "exact", keep=True)
    save(here, out, "gray.png", im.convert("L"), "exact")
    save(here, out, "gray-alpha.png", hole(im).convert("LA"), "exact", keep=True)
    save(here, out, "one-bit.png", im.convert("1", dither=Image.Dither.NONE), "exact")
    pal = im.quantize(200, dither=Image.Dither.NONE)
    save(here, out, "palette.png", pal, "exact")
    for bits in 1, 2, 4:
        save(here, out, f"palette-{bits}.png", im.quantize(2**bits), "exact", bits=bits)
    save(here, out, "palette-one-clear.png", pal, "exact", keep=True, transparency=pal.getpixel((2, 2)))
    save(here, out, "palette-alpha.png", pal, "exact", keep=True, transparency=bytes(i * 7 % 256 for i in range(200)))
    save(here, out, "exif.png", im, "exact", exif=orientation(6))

    wide = np.asarray(fade(56, 50), np.uint16) * 257 ^ 0x5a
    clear = (np.arange(56 * 50, dtype=np.uint16).reshape(50, 56, 1) * 23) & 0xff00 | 0x33
    byte = np.asarray(im)
    for name, samples, depth, kind, interlaced in [
        ("gray16", wide[..., :1], 16, 0, False),
        ("gray-alpha16", np.concatenate([wide[..., :1], clear], -1), 16, 4, False),
        ("rgb16", wide, 16, 2, False),
        ("rgba16", np.concatenate([wide, clear], -1), 16, 6, False),
        ("rgb-interlaced", byte, 8, 2, True),
        ("rgba-interlaced", np.asarray(hole(im)), 8, 6, True),
        ("gray-interlaced", byte[..., :1], 8, 0, True),
        ("rgb16-interlaced", wide, 16, 2, True),
    ]:
        path = here / (name + ".png")
        raw_png(path, samples, depth, kind, interlaced)
        out.add(path, "exact")
    raw_png(here / "rgb-clear-colour.png", byte, 8, 2, trns=struct.pack(">HHH", *map(int, byte[0, 0])))
    out.add(here / "rgb-clear-colour.png", "exact")
    raw_png(here / "gray-clear-level.png", byte[..., :1], 8, 0, trns=struct.pack(">H", int(byte[0, 0, 0])))
    out.add(here / "gray-clear-level.png", "exact")


def orientation(n):
    exif = Image.Exif()
    exif[0x0112] = n
    return exif


def jpegs(here, out):
    for name, scene in SCENES.items():
        for sub, ratio in enumerate(["444", "422", "420"]):
            w, h = {"card": (160, 120), "fade": (97, 131), "grain": (121, 90)}[name]
            save(here, out, f"{name}-{ratio}.jpg", scene(w, h), "max4", subsampling=sub, quality=85)
    for quality in 30, 60, 95:
        save(here, out, f"quality-{quality}.jpg", card(110, 85), "max4", quality=quality)
    for w, h in [(1, 1), (2, 2), (3, 3), (4, 5), (5, 4), (6, 9), (16, 16), (17, 33), (240, 15)]:
        save(here, out, f"size-{w}x{h}.jpg", card(w, h), "max4")
        if w in (3, 5, 17):
            save(here, out, f"size-{w}x{h}-422.jpg", card(w, h), "max4", subsampling=1)
    for n in range(1, 9):
        save(here, out, f"orientation-{n}.jpg", card(60, 40), "max4", exif=orientation(n), quality=80)
    im = card(140, 105)
    save(here, out, "gray.jpg", im.convert("L"), "max4")
    save(here, out, "cmyk.jpg", im.convert("CMYK"), "max4", quality=80)
    save(here, out, "progressive.jpg", im, "max4", progressive=True)
    save(here, out, "progressive-gray.jpg", im.convert("L"), "max4", progressive=True)
    save(here, out, "restart.jpg", im, "max4", restart_marker_blocks=3)
    save(here, out, "stored-rgb.jpg", im, "max4", keep_rgb=True, subsampling=0, quality=80)
    large = dict(quality=25, progressive=True, optimize=True)
    save(here, out, "large-6MP.jpg", card(3000, 2000), "mean0.2", **large)
    save(here, out, "large-tall.jpg", card(1200, 1900), "mean0.2", **large)
    save(here, out, "large-444.jpg", card(1400, 1000), "mean0.2", subsampling=0, **large)
    save(here, out, "large-baseline.jpg", card(1300, 1000), "mean0.2", quality=50, optimize=True)


def others(here, out):
    im, smooth, cut = card(130, 100), fade(75, 90), hole(card(110, 90))
    gif = im.quantize(64, dither=Image.Dither.NONE)
    save(here, out, "plain.gif", gif, "exact", interlace=0)
    save(here, out, "interlaced.gif", gif, "exact", interlace=1)
    save(here, out, "clear.gif", gif, "exact", keep=True, transparency=gif.getpixel((1, 1)))
    save(here, out, "gray.gif", smooth.convert("L"), "exact")
    save(here, out, "animated.gif", gif, "exact", save_all=True, append_images=[smooth.resize(im.size).quantize(16)], loop=0)
    on_canvas(here / "plain.gif", here / "canvas.gif")
    out.add(here / "canvas.gif", "exact")
    on_canvas(here / "clear.gif", here / "canvas-clear.gif")
    out.add(here / "canvas-clear.gif", "exact")

    for quality in 40, 75, 95:
        save(here, out, f"lossy-{quality}.webp", im, "max4", quality=quality)
    for w, h in [(1, 1), (2, 3), (7, 8), (96, 41), (97, 40)]:
        save(here, out, f"size-{w}x{h}.webp", card(w, h), "max4")
    save(here, out, "lossy-fade.webp", smooth, "max4")
    save(here, out, "lossy-grain.webp", grain(90, 90), "max4")
    save(here, out, "lossy-alpha.webp", cut, "max4")
    save(here, out, "lossy-exif.webp", card(60, 40), "max4", exif=orientation(8))
    save(here, out, "lossless.webp", im, "exact", lossless=True)
    save(here, out, "lossless-alpha.webp", cut, "exact", lossless=True)
    save(here, out, "animated.webp", im, "max4", save_all=True, append_images=[card(130, 100).rotate(180)], duration=100)
    on_canvas(here / "animated.webp", here / "canvas.webp")
    out.add(here / "canvas.webp", "max4")

    save(here, out, "rgb.bmp", card(50, 41), "exact")
    save(here, out, "rgba.bmp", hole(card(40, 31)), "exact")
    save(here, out, "gray.bmp", card(60, 41).convert("L"), "exact")
    save(here, out, "palette.bmp", card(61, 40).quantize(100), "exact")
    save(here, out, "one-bit.bmp", card(61, 40).convert("1", dither=Image.Dither.NONE), "exact")

    small = card(60, 44)
    for compression in None, "tiff_lzw", "tiff_adobe_deflate", "packbits":
        name = (compression or "plain").removeprefix("tiff_").removeprefix("adobe_")
        save(here, out, f"rgb-{name}.tiff", small, "exact", compression=compression)
    save(here, out, "rgb-predictor.tiff", im, "exact", compression="tiff_lzw", tiffinfo={317: 2})
    save(here, out, "rgba.tiff", hole(small), "exact", compression="tiff_lzw")
    save(here, out, "gray.tiff", small.convert("L"), "exact", compression="packbits")
    save(here, out, "palette.tiff", small.quantize(32), "exact", compression="tiff_lzw")
    save(here, out, "one-bit.tiff", small.convert("1", dither=Image.Dither.NONE), "exact", compression="group4")
    save(here, out, "one-bit-white-zero.tiff", small.convert("1", dither=Image.Dither.NONE), "exact", compression="group4", tiffinfo={262: 0})
    save(here, out, "one-bit-group3.tiff", small.convert("1", dither=Image.Dither.NONE), "exact", compression="group3")
    save(here, out, "gray16.tiff", Image.fromarray(np.asarray(fade(50, 40).convert("L"), np.uint16) * 257 ^ 0x5a), "exact")
    save(here, out, "turned.tiff", small, "exact", compression="tiff_lzw", tiffinfo={274: 6})


def on_canvas(source, path):
    """Puts the first frame of a GIF or an animated WebP on a larger canvas, at (20, 10)."""
    data = bytearray(source.read_bytes())
    if source.suffix == ".gif":
        data[6:10] = struct.pack("<HH", 180, 130)
        at = data.index(b"\x2c\0\0\0\0")
        data[at + 1:at + 5] = struct.pack("<HH", 20, 10)
    else:
        data[24:30] = struct.pack("<I", 179)[:3] + struct.pack("<I", 129)[:3]
        at = data.index(b"ANMF") + 8
        data[at:at + 6] = struct.pack("<I", 10)[:3] + struct.pack("<I", 5)[:3]
    path.write_bytes(data)


def save(here, out, name, im, bound, keep=False, **how):
    im.save(here / name, **how)
    out.add(here / name, bound)
    if keep:
        out.add(here / name, bound, "keep")


def main():
    if len(sys.argv) == 1:
        here = pathlib.Path(__file__).parent
        out = List(here)
        pngs(here, out)
        jpegs(here, out)
        others(here, out)
    else:
        out = List(sys.argv[2])
        suffixes = {".jpg": "max4", ".jpeg": "max4", ".webp": "max4"}
        known = [p for p in sorted(pathlib.Path(sys.argv[1]).resolve().rglob("*"))
                 if p.suffix.lower() in {*suffixes, ".png", ".gif", ".bmp", ".tif", ".tiff"}]
        for path in known[:int(sys.argv[3]) if len(sys.argv) > 3 else None]:
            out.add(path, suffixes.get(path.suffix.lower(), "exact"), name=str(path))
    out.write()


main()
