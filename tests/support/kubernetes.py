"""What Kubernetes would do with our manifests, as far as xoproxy sees of it: volumes, environment, arguments, probes.

No cluster: a container is a process on this machine, its volumes are directories, its ports others.
"""

import http.client
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from support.markdown import ROOT
from support.ports import free_port
from support.processes import XoproxyProcess
from support.supervised import PATIENCE_S, until

MANIFESTS = ROOT / "deploy/kubernetes"
KUSTOMIZATIONS = sorted(path.parent for path in MANIFESTS.glob("*/kustomization.yaml"))
SECRETS = {"admin-token": "a-token", "postgresql-password": "a-password"}
POD_IP = "10.1.2.3"  # the kubelet names it in the Host field of its probes

Object = dict[str, Any]


def documents(path: Path) -> list[Object]:
    """Return the objects of one file."""
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def resources(kustomization: Path) -> list[Object]:
    """Return the objects of the files that a kustomization lists, those of its bases too; nothing of it is transformed."""
    found: list[Object] = []
    for name in documents(kustomization / "kustomization.yaml")[0]["resources"]:
        path = kustomization / name
        found += resources(path) if path.is_dir() else documents(path)
    return found


def config_files(kustomization: Path) -> dict[str, Path]:
    """Return the files of a kustomization's ConfigMap; those of its base if it has none of its own."""
    (told,) = documents(kustomization / "kustomization.yaml")
    for generator in told.get("configMapGenerator", []):
        return {name: kustomization / name for name in generator["files"]}
    (base,) = (kustomization / name for name in told["resources"] if (kustomization / name).is_dir())
    return config_files(base)


def deployment(kustomization: Path) -> Object:
    """Return the one Deployment of a kustomization."""
    (found,) = (thing for thing in resources(kustomization) if thing["kind"] == "Deployment")
    return found


def pod_spec(kustomization: Path) -> Object:
    """Return the pods' spec of the one Deployment."""
    spec: Object = deployment(kustomization)["spec"]["template"]["spec"]
    return spec


def xoproxy_in(spec: Object) -> Object:
    """Return xoproxy's container of a pod."""
    (container,) = (container for container in spec["containers"] if container["name"] == "xoproxy")
    return dict(container)


class Volume:
    """A directory as the kubelet's atomic writer makes it (pkg/volume/util/atomic_writer.go): links to ..data, a link too."""

    def __init__(self, directory: Path, files: Mapping[str, str]) -> None:
        self.directory = directory
        directory.mkdir()
        self.write(files)

    def write(self, files: Mapping[str, str]) -> None:
        """Show other files: all of them at one moment, when the link is renamed.  What was there before is removed."""
        data = self.directory / "..data"
        before = data.readlink() if data.is_symlink() else None
        fresh = Path(tempfile.mkdtemp(prefix="..2026_11_29_", dir=self.directory))
        fresh.chmod(0o755)
        for name, text in files.items():
            (fresh / name).write_text(text, "utf-8")
            link = self.directory / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        temporary = self.directory / "..data_tmp"
        temporary.symlink_to(fresh.name)
        temporary.rename(data)
        if before is not None:
            for old in (self.directory / before).iterdir():
                old.unlink()
            (self.directory / before).rmdir()


class Container(XoproxyProcess):
    """xoproxy as a container of a manifest runs it."""

    def __init__(
        self, kustomization: Path, directory: Path, replaced: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        """`replaced`: what of the policy file is somewhere else on this machine; `environment`: the same for variables."""
        directory.mkdir()
        spec = pod_spec(kustomization)
        self.spec = xoproxy_in(spec)
        self.ports = {port["name"]: free_port() for port in self.spec["ports"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in self.spec["volumeMounts"]}
        self._elsewhere = {mount: str(directory / name) for name, mount in mounts.items()}
        self._elsewhere |= {f':{port["containerPort"]}"': f':{self.ports[port["name"]]}"' for port in self.spec["ports"]}
        self._elsewhere |= replaced
        for volume in spec["volumes"]:
            content = _secret_files(volume) if "secret" in volume else self._texts(config_files(kustomization))
            shown = Volume(directory / volume["name"], content)
            if "configMap" in volume:
                self.policy = shown
        arguments = [self._here(argument) for argument in self.spec["args"]]
        super().__init__(arguments, directory / "log", {**_environment(self.spec), **environment})

    def write_policy(self, text: str) -> None:
        """Change the ConfigMap."""
        self.policy.write({"xoproxy.yaml": self._here(text)})

    def probe(self, name: str) -> int:
        """Do as the kubelet does for a probe; return the status, 0 if there is no answer."""
        get = self.spec[name]["httpGet"]
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[get["port"]], timeout=PATIENCE_S)
        try:
            connection.request("GET", get["path"], headers={"Host": f"{POD_IP}:9464", "Connection": "close"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def until_ready(self) -> None:
        """Return once the pod gets connections."""
        self.wait_for_port(self.ports["admin"])
        until(lambda: self.probe("readinessProbe") == 200, lambda: self.output)

    def _texts(self, files: Mapping[str, Path]) -> dict[str, str]:
        return {name: self._here(path.read_text("utf-8")) for name, path in files.items()}

    def _here(self, text: str) -> str:
        for there, here in self._elsewhere.items():
            text = text.replace(there, here)
        return text


def _secret_files(volume: Object) -> dict[str, str]:
    return {item["path"]: SECRETS[item["key"]] for item in volume["secret"]["items"]}


def _environment(container: Object) -> dict[str, str]:
    return {one["name"]: SECRETS[one["valueFrom"]["secretKeyRef"]["key"]] for one in container.get("env", [])}
