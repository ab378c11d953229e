"""Hosts: this machine, or network namespaces on it that see one another and nothing else."""
import os
import subprocess


class Host:
    """Where programs run: `inside` is the command that runs another one there, `address` how others reach it."""

    def __init__(self, address, inside=()):
        self.address, self.inside = address, inside


HERE = Host("127.0.0.1")


class Network:
    """A client and workers, each in a network namespace of its own, at one switch. Takes the rights of root.

    Raises `CalledProcessError`, with what `ip` says, where the machine does not allow it."""

    def __init__(self, workers):
        self.names = []
        try:
            self.client = self._host(1)
            self._ip("-n", self._name(1), "link", "add", "switch", "type", "bridge")
            self._ip("-n", self._name(1), "address", "add", f"{self.client.address}/24", "dev", "switch")
            self._ip("-n", self._name(1), "link", "set", "switch", "up")
            self.workers = [self._worker(number) for number in range(2, workers + 2)]
        except BaseException:
            self.close()
            raise

    def _name(self, number):
        return f"snnc-{os.getpid()}-{number}"

    def _ip(self, *words):
        subprocess.run(["ip", *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _host(self, number):
        name = self._name(number)
        self._ip("netns", "add", name)
        self.names.append(name)
        self._ip("-n", name, "link", "set", "lo", "up")
        return Host(f"10.0.0.{number}", ("ip", "netns", "exec", name))

    def _worker(self, number):
        host, name, client = self._host(number), self._name(number), self._name(1)
        self._ip("-n", client, "link", "add", f"port{number}", "type", "veth", "peer", "name", "uplink", "netns", name)
        self._ip("-n", client, "link", "set", f"port{number}", "master", "switch", "up")
        self._ip("-n", name, "address", "add", f"{host.address}/24", "dev", "uplink")
        self._ip("-n", name, "link", "set", "uplink", "up")
        return host

    def close(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)
