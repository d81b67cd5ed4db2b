#!/bin/sh
# Installs from Debian's packages what some commands need: asks nothing, starts no service, and does nothing where all is there.
#   install_packages.sh slurm     Slurm and what a lab of it needs
#   install_packages.sh browser   Chromium, and a face for Chinese, for tests in a browser
set -eu

what="$1"
case "$what" in
    slurm)
        packages="slurm-wlm slurmctld slurmd slurmdbd slurmrestd slurm-client slurm-wlm-basic-plugins slurm-wlm-mysql-plugin slurm-wlm-jwt-plugin
munge mariadb-server mariadb-client bubblewrap faketime" ;;
    browser) packages="chromium fonts-noto-cjk" ;;
    *)
        echo "Say what to install: slurm or browser." >&2
        exit 2 ;;
esac

missing=""
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "What $what needs is installed already."
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "There is no apt-get here. Install the equivalents of these Debian packages:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        exec sudo -n "$0" "$what"
    fi
    echo "Packages are installed by root: run 'sudo make setup-$what'." >&2
    exit 1
fi

# Debian starts a daemon when it is installed unless this file says no; a lab starts its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
echo "Installing$missing"
apt-get update -qq
# shellcheck disable=SC2086  # one word a package
apt-get install -qq -y --no-install-recommends $missing >/dev/null
echo "Installed."
