"""The Debian packages under test: building them from a build folder, installing them, making an older version of them."""
import pathlib
import subprocess
import tempfile


class Packages:
    def __init__(self, folder):
        self.folder = folder / "packages"

    def find(self, name):
        found = sorted(self.folder.glob(f"{name}_*.deb"))
        assert len(found) == 1, f"{name}: {[p.name for p in found]} in {self.folder}"
        return found[0]

    @property
    def inferd(self):
        return self.find("inferd")

    @property
    def model(self):
        return self.find("inferd-demo-model")

    def depends(self):
        return subprocess.run(["dpkg-deb", "-f", self.inferd, "Depends"], capture_output=True, text=True, check=True).stdout.strip()


def build(folder):
    for old in (folder / "packages").glob("*.deb"):
        old.unlink()
    done = subprocess.run(["cpack"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"cpack failed in {folder}:\n{done.stdout[-4000:]}"
    return Packages(folder)


def install(box, packages):
    """As a user does, with both packages at once. The service runs afterwards."""
    for path in (packages.inferd, packages.model):
        (box.root / "root" / path.name).write_bytes(path.read_bytes())
    box.run("apt-get", "install", "-y", "-qq", *[f"/root/{path.name}" for path in (packages.inferd, packages.model)])


def older(package, version, conffiles):
    """The package as an earlier release may have had it, in a folder of its own: a lower version, another program (the same with bytes after
    its end, so that it runs), other contents of `conffiles` (path: text)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="older-", dir="/mnt"))  # gone with the container
    subprocess.run(["dpkg-deb", "-R", package, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text("".join(f"Version: {version}\n" if line.startswith("Version:") else line for line in control.read_text().splitlines(True)))
    with open(folder / "tree/usr/bin/inferd", "ab") as program:
        program.write(b"of an earlier release")
    for path, text in conffiles.items():
        assert f"{path}\n" in (folder / "tree/DEBIAN/conffiles").read_text(), path
        (folder / "tree" / path.lstrip("/")).write_text(text)
    result = folder / f"{package.name.split('_')[0]}_{version}.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", folder / "tree", result], stdout=subprocess.DEVNULL, check=True)
    return result
