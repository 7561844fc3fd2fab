#!/bin/sh
# Install what the demo and the tests need: Debian packages that are missing, and .venv.
# Says what it installs. Running it again changes nothing.
set -eu
cd "$(dirname "$0")/.."

packages="
	abootimg adb android-sdk-libsparse-utils bc bison brotli bzip2 cpio device-tree-compiler e2fsprogs f2fs-tools
	fastboot flex gcc gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf gdb-multiarch gdisk kmod libc6-dev libc6-dev-arm64-cross
	libc6-dev-armhf-cross libusb-1.0-0 lz4 make mkbootimg patch protobuf-compiler python3 python3-dev python3-venv qemu-system-arm
	qemu-user skales swig u-boot-tools xz-utils zstd
"

if ! command -v apt-get >/dev/null || ! grep -qE '^ID=debian$' /etc/os-release; then
	cat >&2 <<-END
	hardboot: the virtual phone and its kernels are made of Debian packages.
	  state: nothing was installed.
	  to do: use Debian 12 or newer (a container will do). Packages:$(echo $packages | fold -s -w 60 | sed 's/^/\n         /')
	END
	exit 1
fi

missing=
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
if [ -n "$missing" ]; then
	echo "Installing Debian packages:$missing"
	root=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || {
			echo "hardboot: run this as root first: apt-get install$missing" >&2
			exit 1
		}
		root=sudo
	fi
	$root apt-get update -qq
	$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

python=python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	echo "hardboot: python3 is $("$python" --version), 3.11 or newer is needed" >&2
	exit 1
}
[ -x .venv/bin/python ] || {
	echo "Making the virtual environment .venv"
	"$python" -m venv .venv
	# Debian 12's pip writes a command that takes 8 ms longer to start.
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
}
echo "Installing hardboot and its Python packages into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
touch .venv/ready
