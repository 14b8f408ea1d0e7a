#!/usr/bin/env python3
"""Corrects the AMX of Bochs 3.0 in its unpacked source: bochs.py FOLDER.

Bochs 3.0 and 3.1 decode AMX but compute and keep some of it wrongly, and lack what Linux asks for before
it lets anybody use tile registers (extended feature disable, XFD). Each edit below says what the manual
wants; an edit whose text is not there exactly as often as stated ends the script. What comes out stays
under Bochs's own licence, the LGPL 2.1.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 13 (XSAVE; XFD in
13.14) and chapter 18 (AMX); volume 2, TDPBSSD and STTILECFG; volume 4, IA32_XFD and IA32_XFD_ERR.
"""
import pathlib
import re
import sys

XFD_CASES = {
    "read": """\
    case BX_MSR_IA32_XFD:
      val64 = BX_CPU_THIS_PTR msr.ia32_xfd;
      break;

    case BX_MSR_IA32_XFD_ERROR:
      val64 = BX_CPU_THIS_PTR msr.ia32_xfd_err;
      break;

""",
    "write": """\
    case BX_MSR_IA32_XFD:
    case BX_MSR_IA32_XFD_ERROR:
      if (val_64 & ~Bit64u(BX_XCR0_XTILEDATA_MASK)) return false;
      (index == BX_MSR_IA32_XFD ? BX_CPU_THIS_PTR msr.ia32_xfd : BX_CPU_THIS_PTR msr.ia32_xfd_err) = val_64;
      break;

""",
}

# File, pattern, how often it occurs, replacement.
EDITS = [
    # TDPBSSD multiplies signed bytes by signed bytes. Published: unsigned by unsigned, -1 * 1 is 255.
    ("cpu/avx/amx.cc", r"(?s)(Bit32u DPBDSS\(.*?\n\{).*?\n\}", 1, r"""\1
  Bit32s sum = 0;
  for (unsigned n=0; n < 32; n += 8)
    sum += Bit32s(Bit8s(x >> n)) * Bit32s(Bit8s(y >> n));
  return sum;
}"""),
    # Tile configuration in memory: bytes a row are words from 16, rows are bytes from 48. Published: exchanged.
    ("cpu/xsave.cc", r"(vmm16u\(8\+n\) *=.*\.)rows;", 1, r"\1bytes_per_row;"),
    ("cpu/xsave.cc", r"(vmmubyte\(48\+n\) *=.*\.)bytes_per_row;", 1, r"\1rows;"),
    # A register has 16 rows. Published: half of them are saved and restored.
    ("cpu/xsave.cc", r"row < BX_TILE_REGISTERS;", 2, "row < BX_TILE_MAX_ROWS;"),
    # XINUSE is 1 where a register holds something. Published: the opposite.
    ("cpu/xsave.cc", r"tile_use_tracker == 0\)", 1, "tile_use_tracker != 0)"),
    # The time stamp counter counts instructions. Published: CPUID claims 2.2 GHz, and waiting takes for ever.
    ("cpu/cpudb/intel/sapphire_rapids.cc", r"(case 0x000000(?:15|16):.*\n *get_leaf\(leaf, ).*\);", 2, r"\g<1>0, 0, 0, 0);"),
    # XFD: CPUID says that it exists (leaf 0xD, 1) and that it covers tile data (0xD, 18).
    ("cpu/cpuid.cc", r"leaf->eax \|= \(1<<3\);\n\n( *// EBX\[31:00\])", 1, r"""leaf->eax |= (1<<3);
    if (is_cpu_extension_supported(BX_ISA_AMX))
      leaf->eax |= (1<<4);

\1"""),
    ("cpu/cpuid.cc", r"( *leaf->ecx = \(cpu->ia32_xss_suppmask & .*\n)", 1, r"""\1
      if (subfunction == xcr0_t::BX_XCR0_XTILEDATA_BIT) leaf->ecx |= (1<<2);
"""),
    # XFD: two registers, zero after reset.
    ("cpu/cpu.h", r"(\n  Bit64u ia32_xss;\n)", 1, r"\1  Bit64u ia32_xfd, ia32_xfd_err;" "\n"),
    ("cpu/init.cc", r"(\n  BX_CPU_THIS_PTR msr\.ia32_xss = 0;\n)", 1,
     r"\1  BX_CPU_THIS_PTR msr.ia32_xfd = BX_CPU_THIS_PTR msr.ia32_xfd_err = 0;" "\n"),
    ("cpu/msr.cc", r"(?=  msr_desc\[BX_MSR_TSC_ADJUST\] =)", 1, """\
  msr_desc[BX_MSR_IA32_XFD] = new MSR_Descriptor("MSR_IA32_XFD", BX_ISA_AMX);
  msr_desc[BX_MSR_IA32_XFD_ERROR] = new MSR_Descriptor("MSR_IA32_XFD_ERROR", BX_ISA_AMX);

"""),
    ("cpu/msr.cc", r"( *case BX_MSR_TSC_ADJUST:\n *val64 = )", 1, XFD_CASES["read"] + r"\1"),
    ("cpu/msr.cc", r"( *case BX_MSR_TSC_ADJUST:\n *BX_CPU_THIS_PTR tsc_adjust = )", 1, XFD_CASES["write"] + r"\1"),
    # XFD: using a tile register raises #NM, and XFD_ERR says why. (LDTILECFG and TILERELEASE do not.)
    ("cpu/avx/amx.cc", r"(BX_CPU_C::check_tile\(.*\n\{\n)", 1, r"""\1
  if (BX_CPU_THIS_PTR msr.ia32_xfd & BX_XCR0_XTILEDATA_MASK) {
    BX_CPU_THIS_PTR msr.ia32_xfd_err = BX_XCR0_XTILEDATA_MASK;
    exception(BX_NM_EXCEPTION, 0);
  }

"""),
    # XFD: what is disabled counts as not in use where XSAVE asks.
    ("cpu/xsave.cc", r"(Bit32u xinuse = get_xinuse_vector\(requested_feature_bitmap\))", 2,
     r"\1 & ~Bit32u(BX_CPU_THIS_PTR msr.ia32_xfd)"),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, pattern, times, replacement in EDITS:
        path = folder / name
        text, found = re.subn(pattern, replacement, path.read_text(encoding="latin-1"))
        if found != times:
            sys.exit(f"edit {path}: {pattern!r} is there {found} times, expected {times}: another Bochs?")
        path.write_text(text, encoding="latin-1")


main()
