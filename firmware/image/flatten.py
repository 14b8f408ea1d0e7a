"""flatten.py ELF BIN NAME RAM_START RAM_LENGTH: the loaded bytes of a 32-bit ELF from RAM_START on; prints its sizes."""
import struct
import sys

elf_path, bin_path, name, start, length = sys.argv[1:]
start, length = int(start, 0), int(length, 0)
elf = open(elf_path, "rb").read()
section_offset, = struct.unpack_from("<I", elf, 32)
section_size, section_count = struct.unpack_from("<HH", elf, 46)
image, sizes, end = bytearray(), {"text": 0, "data": 0, "bss": 0}, start
for index in range(section_count):
    _, kind, flags, address, offset, size = struct.unpack_from("<6I", elf, section_offset + index * section_size)
    if not flags & 2 or size == 0:
        continue
    end = max(end, address + size)
    if kind == 8:
        sizes["bss"] += size
        continue
    sizes["data" if flags & 1 else "text"] += size
    image.extend(bytes(address + size - start - len(image)))
    image[address - start : address - start + size] = elf[offset : offset + size]
image.extend(bytes(-len(image) % 4))
open(bin_path, "wb").write(image)
stack = start + length - end
print(f"{name:12} {sizes['text']:15} {sizes['data']:8} {sizes['bss']:8} {stack:8} {length:8}")
# What the images are seen to use (firmware/tests/image), and some more.
least = 512 if length <= 4096 else 5632
if stack < least:
    sys.exit(f"{name}: less than {least} bytes are left for the stack")
