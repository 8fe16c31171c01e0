"""Whether this program runs on a CPU of its own architecture, or emulated by QEMU or Rosetta.

An emulator also makes up /proc/cpuinfo: QEMU, since 8.2, gives an Arm program the implementer 0x00,
Rosetta the vendor VirtualApple. It leaves /proc/sys/kernel/arch alone, which Linux has since 6.1.
Not covered: an emulator of a whole machine that takes the name of a real CPU.
"""

ARM, X86, UNKNOWN = "an Arm CPU", "an x86 CPU", "an unknown CPU"
ROSETTA = "VirtualApple"
QEMU = "0x00"


def architecture(machine: str) -> str | None:
    """Return the kind of CPU that programs for `machine` need; None for others than Arm and x86."""
    if machine.startswith(("aarch64", "arm")):
        return ARM
    return X86 if machine in ("x86_64", "amd64", "i386", "i686") else None


def actual_cpu(vendor: str | None, kernel_machine: str | None) -> str | None:
    """Return the kind of CPU by the kernel's architecture, else by its vendor; None if unknown."""
    if vendor == ROSETTA:
        return ARM
    if kernel_machine:
        return architecture(kernel_machine)
    if vendor is None:
        return None
    if vendor == QEMU:
        return UNKNOWN
    return ARM if vendor.startswith("0x") else X86


def emulated_on(machine: str, vendor: str | None, kernel_machine: str | None) -> str | None:
    """Return the kind of CPU on which programs for `machine` run emulated; None if they do not.

    >>> emulated_on("aarch64", "0x00", "x86_64")
    'an x86 CPU'
    """
    cpu, wanted = actual_cpu(vendor, kernel_machine), architecture(machine)
    if cpu == wanted and vendor == QEMU:
        return UNKNOWN
    return cpu if cpu and wanted and cpu != wanted else None
