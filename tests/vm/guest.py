# SPDX-License-Identifier: GPL-2.0 OR MIT
"""One guest, from nothing to its results: the kernel and its modules out of Debian's package
(never installed), an initramfs with busybox, dmsetup and the two static programs, qemu
without any help from the host's processor, and what the guest wrote to its second serial port.

    k = kernel("6.1")                             where its image is; fetched once
    out = boot(k, {"doctor": "hostlat doctor"})   out.status("doctor"), out.read("doctor", "stdout")
"""
import gzip
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
CACHE = os.path.join(ROOT, "build", "vm")
HOSTLAT = os.path.realpath(os.environ.get("HOSTLAT", os.path.join(ROOT, "build-static", "hostlat")))
HELD = os.path.realpath(os.environ.get("HELD", os.path.join(ROOT, "build", "held")))
FUNC = os.path.realpath(os.environ.get("FUNC", os.path.join(ROOT, "build", "func-static")))
WORK = os.path.realpath(os.environ.get("WORK", os.path.join(ROOT, "build", "work")))
BUSYBOX = "/bin/busybox"
DMSETUP = "/sbin/dmsetup"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Machine:
    """What a guest is: Debian's name for it, qemu's words, its console and where it leaves its results, its programs."""

    def __init__(self, arch, qemu, console, port, programs):
        self.arch, self.qemu, self.console, self.port, self.programs = arch, qemu, console, port, programs


AMD64 = Machine("amd64", ("qemu-system-x86_64", "-cpu", "max", "-serial", "chardev:console", "-serial", "chardev:out"),
                "ttyS0", "ttyS1", (BUSYBOX, HOSTLAT, WORK, HELD, FUNC, DMSETUP))
# Those of arm64 are built here, with its libraries out of Debian's packages.
CROSS = "aarch64-linux-gnu-"
SYSROOT = os.path.join(CACHE, "sysroot-arm64")
BUILT_ARM64 = [os.path.join("build-arm64-static", n) for n in ("hostlat", "work", "held", "func-static")]
ARM64 = Machine("arm64", ("qemu-system-aarch64", "-machine", "virt", "-cpu", "max,pauth-impdef=on", "-serial", "chardev:console",
                          "-device", "pci-serial,chardev=out"), "ttyAMA0", "ttyS0",
                (os.path.join(SYSROOT, "bin", "busybox"), *(os.path.join(ROOT, p) for p in BUILT_ARM64)))


def machine(image):
    return ARM64 if image.endswith("-arm64") else AMD64


# Where Debian has a kernel of that version: suite, the package that leads to it.
KERNELS = {
    "5.10": ("bullseye", "linux-image-cloud-amd64"),
    "6.1": ("bookworm", "linux-image-cloud-amd64"),
    "6.12": ("trixie", "linux-image-cloud-amd64"),
    "6.12-rt": ("trixie", "linux-image-rt-amd64"),
    "7.2": ("forky", "linux-image-cloud-amd64"),
    "7.3": ("trixie-backports", "linux-image-cloud-amd64"),
    "6.1-arm64": ("bookworm", "linux-image-cloud-arm64"),
    "6.12-arm64": ("trixie", "linux-image-cloud-arm64"),
}
# Those that are built here, for Debian has none that are built like that.
BUILT = {"6.1-irqtime": "kernel.sh"}

# Of its modules, those that guests ask for; what these need comes along.
MODULES = ("null_blk", "dm_delay", "veth", "sch_netem")


class Trouble(Exception):
    """The guest could not be had, or did not come to its end."""


def _run(*words, limit=240, **more):
    p = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=limit, check=False, **more)
    if p.returncode:
        raise Trouble(f"{' '.join(words)[:120]}: {(p.stderr or p.stdout).strip()[-300:]}")
    return p.stdout


# ---- the programs -------------------------------------------------------------------------------


def lacking(image):
    """What of this host a guest needs and is not there."""
    needed = (ARM64.qemu[0], CROSS + "gcc") if machine(image) is ARM64 else ()
    return [p for p in needed if not shutil.which(p)]


def build(image):
    """The programs of a guest that is of another machine."""
    if machine(image) is ARM64:
        _run(os.path.join(ROOT, "tools", "get-sysroot.sh"), ARM64.arch, SYSROOT)
        _run("make", "-C", ROOT, "-j2", "STATIC=1", f"CROSS={CROSS}", f"SYSROOT={SYSROOT}", "O=build-arm64-static", *BUILT_ARM64,
             limit=1200, env={k: v for k, v in os.environ.items() if "MAKE" not in k})


# ---- the kernel ---------------------------------------------------------------------------------


def _mirror():
    """Where this host takes Debian's packages from."""
    for line in _run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(LABEL)", "Created-By: Packages").splitlines():
        uri, *of = line.split()
        if of == ["Debian", "Debian"]:
            return uri
    raise Trouble("apt has no list of Debian's packages: run apt-get update")


class Apt:
    """Another suite's packages, with lists of its own: the host's are left alone."""

    def __init__(self, suite, folder, arch):
        for d in ("lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(folder, d), exist_ok=True)
        with open(os.path.join(folder, "sources.list"), "w", encoding="ascii") as f:
            f.write(f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n")
        self.folder = folder
        self.options = [w for o in (f"Dir::Etc::sourcelist={folder}/sources.list", "Dir::Etc::sourceparts=/dev/null",
                                    f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache",
                                    f"APT::Architecture={arch}", f"APT::Architectures={arch}",
                                    "Acquire::Languages=none", "APT::Sandbox::User=root",
                                    "Acquire::Retries=3") for w in ("-o", o)]

    def get(self, *words):
        return _run("apt-get", *self.options, "-q", *words, cwd=self.folder)

    def depends(self, package):
        return re.findall(r"Depends: (\S+)", _run("apt-cache", *self.options, "depends", package))

    def image_packages(self, package):
        """The packages that have the image and its modules: newer kernels have one for each."""
        package = next((d for d in self.depends(package) if re.match(r"linux-image-\d", d)), package)
        return [d for d in self.depends(package) if re.match(r"linux-(binary|modules)-\d", d)] or [package]


def _unpacked(path):
    with open(path, "rb") as f:
        data = f.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def _needs(module):
    """Modules that must be there before it."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [n.replace("-", "_") for n in found[1].decode().split(",") if n] if found else []


def _keep_modules(tree, folder):
    """MODULES out of the package, plain, and the modules that they need."""
    files = {re.sub(r"\.ko(\.xz)?$", "", f).replace("-", "_"): os.path.join(d, f)
             for d, _, names in os.walk(tree) for f in names if re.search(r"\.ko(\.xz)?$", f)}
    os.makedirs(folder, exist_ok=True)
    todo = [m for m in MODULES if m in files]
    while todo:
        name = todo.pop()
        data = _unpacked(files[name])
        todo += _needs(data)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


def needed_modules(image, wanted):
    """name -> bytes of the modules that a kernel is to load, in order; wanted: names, or names and parameters."""
    out = {}

    def add(name):
        try:
            with open(os.path.join(image + ".modules", name), "rb") as f:
                data = f.read()
        except FileNotFoundError:
            raise Trouble(f"{os.path.basename(image)} has no module {name}") from None
        for n in _needs(data):
            add(n)
        out[name] = data

    for w in wanted:
        add(w.split()[0])
    return out


def _build(script, image):
    folder = os.path.join(CACHE, "kernel")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(image), exist_ok=True)
    try:
        _run(os.path.join(os.path.dirname(os.path.realpath(__file__)), script), image, folder, limit=3600)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return image


def kernel(name):
    """The path of a kernel's image, beside its modules; they are in the build folder after the first time."""
    image = os.path.join(CACHE, "kernels", name)
    if os.path.exists(image) and os.path.exists(image + ".modules"):
        return image
    if name in BUILT:
        return _build(BUILT[name], image)
    suite, package = KERNELS[name]
    folder = os.path.join(CACHE, f"apt-{suite}")
    apt = Apt(suite, folder, machine(image).arch)
    try:
        apt.get("update")
        apt.get("download", *apt.image_packages(package))
        for deb in (f for f in os.listdir(folder) if f.endswith(".deb")):
            _run("dpkg-deb", "-x", os.path.join(folder, deb), os.path.join(folder, "x"))
        found = [os.path.join(d, f) for d, _, files in os.walk(f"{folder}/x") for f in files if f.startswith("vmlinuz")]
        if len(found) != 1:
            raise Trouble(f"{package} has {len(found)} images of a kernel")
        _keep_modules(f"{folder}/x", image + ".modules")
        shutil.copyfile(found[0], image + ".new")
        os.rename(image + ".new", image)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return image


# ---- the initramfs ------------------------------------------------------------------------------


class Archive:
    """A cpio archive as the kernel unpacks it."""

    def __init__(self):
        self.out = io.BytesIO()
        self.n = 0

    def _entry(self, name, mode, data):
        self.n += 1
        head = [self.n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        for part in (b"070701" + b"".join(b"%08x" % v for v in head) + name.encode() + b"\0", data):
            self.out.write(part)
            self.out.write(b"\0" * (-self.out.tell() % 4))

    def folder(self, name):
        self._entry(name, 0o040755, b"")

    def file(self, name, data, mode=0o755):
        self._entry(name, 0o100000 | mode, data.encode() if isinstance(data, str) else data)

    def copy(self, path, to):
        with open(path, "rb") as f:
            self.file(to, f.read())

    def program(self, path):
        """With the libraries that it asks for, where it looks for them."""
        self.copy(path, "bin/" + os.path.basename(path))
        ldd = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
        for lib in re.findall(r"(/\S+) \(0x", ldd.stdout) if not ldd.returncode else []:
            for i, c in enumerate(lib):
                if c == "/" and i:
                    self.folder(lib[1:i])
            self.copy(lib, lib[1:])

    def done(self):
        self._entry("TRAILER!!!", 0, b"")
        return gzip.compress(self.out.getvalue(), 1)


# A line that the guest puts into its kernel's log, so that who looks for complaints there is seen to see.
MARK = "hostlat test: WARNING: made up"


def _initramfs(cases, setup, limit, image, wanted, programs):
    a = Archive()
    for d in ("bin", "dev", "proc", "sys", "tmp", "etc", "cases", "modules"):
        a.folder(d)
    for path in programs:
        a.program(path)
    given = dict(w.partition(" ")[::2] for w in wanted)
    loads = ""
    for name, data in needed_modules(image, wanted).items():
        a.file(f"modules/{name}", data)
        loads += f"insmod /modules/{name} {given.get(name, '')}\n"
    with open(os.path.join(os.path.dirname(__file__), "init.sh"), encoding="utf-8") as f:
        a.file("init", f.read())
    a.file("etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n", 0o644)
    a.file("guest", f"LIMIT={limit}\nMARK='{MARK}'\nPORT=/dev/{machine(image).port}\n{loads}{setup}\n", 0o644)
    for i, (name, script) in enumerate(cases.items()):
        a.file(f"cases/{i:02}-{name}", script + "\n", 0o644)
    return a.done()


# ---- running ------------------------------------------------------------------------------------


class Output:
    """What the guest left: a folder per case, and the kernel's log."""

    def __init__(self, files, console):
        self.files, self.console = files, console

    def read(self, case, name):
        return self.files.get(f"{case}/{name}", b"").decode("utf-8", "replace")

    def status(self, case):
        text = self.read(case, "status").strip()
        return int(text) if text else None

    @property
    def log(self):
        return self.files.get("kernel.log", b"").decode("utf-8", "replace")


def _unpack(path, console):
    try:
        with tarfile.open(path, "r:gz") as t:
            return {os.path.normpath(m.name): t.extractfile(m).read() for m in t if m.isfile()}
    except (tarfile.TarError, EOFError, OSError) as e:
        raise Trouble(f"its results did not come out ({e}); the console's end: {console[-400:]!r}") from None


def boot(image, cases, name="guest", cmdline="", cpus="2", memory=1024, setup="", case_limit=150, limit=500, modules=(),
         tools=(), qemu=()):
    """Boots the kernel with these modules (and parameters) and the host's tools (paths), runs the cases (name -> shell script),
    and returns when it is off. qemu: more words for it."""
    folder = os.path.join(CACHE, "run", name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    of = machine(image)
    programs = (*of.programs, *tools)
    for f in (image, *programs):
        if not os.path.exists(f):
            raise Trouble(f"{f} is missing: make STATIC=1 all; make work")
    initramfs, out, log = (os.path.join(folder, f) for f in ("initramfs", "out", "console"))
    with open(initramfs, "wb") as f:
        f.write(_initramfs(cases, setup, case_limit, image, modules, programs))
    # One thread for all CPUs: with one for each, a CPU may still run a breakpoint by which the kernel
    # patched its code after the kernel is done with it ("int3" in __schedule), when hooks come and go.
    words = [*of.qemu, "-accel", "tcg,thread=single", "-smp", cpus, "-m", str(memory), "-nodefaults",
             "-display", "none", "-no-reboot", "-kernel", image, "-initrd", initramfs, "-append",
             f"console={of.console} panic=1 quiet {cmdline}", "-chardev", f"file,id=console,path={log}",
             "-chardev", f"file,id=out,path={out}", *qemu]
    try:
        _run(*words, limit=limit)
    except subprocess.TimeoutExpired:
        late = f"it was not off after {limit} s"
    else:
        late = None
    os.unlink(initramfs)
    with open(log, encoding="utf-8", errors="replace") as f:
        console = f.read()
    if late:
        raise Trouble(f"{late}; the console's end: {console[-400:]!r}")
    return Output(_unpack(out, console), console)
