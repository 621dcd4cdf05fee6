#!/bin/sh
# Run once in a container of the node's file system, before it becomes the node image: settles which services start,
# and takes the archives in /images into containerd's store, where kubelet finds them without a registry.
set -eu

# A node has no hardware to wait for and no sessions: only what is enabled below starts.
rm -f /lib/systemd/system/multi-user.target.wants/* /etc/systemd/system/*.wants/* \
  /lib/systemd/system/local-fs.target.wants/* /lib/systemd/system/basic.target.wants/* \
  /lib/systemd/system/sockets.target.wants/*udev* /lib/systemd/system/sockets.target.wants/*initctl* \
  /lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service
systemctl enable kubelet.service containerd.service undo-mount-hacks.service
systemctl mask systemd-binfmt.service
echo "ReadKMsg=no" >> /etc/systemd/journald.conf
mkdir -p /etc/kubernetes/manifests

# What containers start from: the default, with the hook that hides the host's product id, and without limits that
# would need to be raised.
ctr oci spec | jq '.hooks.createContainer += [{"path": "/kind/bin/mount-product-files.sh"}] | del(.process.rlimits)' \
  > /etc/containerd/cri-base.json

containerd > /tmp/containerd.log 2>&1 &
containerd=$!
tries=0
until ctr version > /dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || { echo "containerd did not start within 30 s" >&2; cat /tmp/containerd.log >&2; exit 1; }
  sleep 0.1
done
for archive in /images/*.tar; do
  ctr --namespace=k8s.io images import --no-unpack "$archive"
done
kill "$containerd"
wait "$containerd" || true
rm -rf /images /tmp/containerd.log /run/containerd
