#!/bin/sh
# Sees to it that OpenSSH's sshd is there for the tests, which run their own on a loopback port. The system's
# service is never started. Without root, says what is skipped and succeeds.
set -eu
PATH=$PATH:/usr/sbin:/sbin

if ! command -v sshd >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo '本机没有 OpenSSH 的 sshd，需要它的测试将跳过。要运行这些测试：sudo apt-get install openssh-server' >&2
        echo 'OpenSSH sshd is missing, so the tests that need it are skipped. To run them: sudo apt-get install openssh-server' >&2
        exit 0
    fi
    echo '安装 openssh-server（不启动服务）… / installing openssh-server (its service stays off) …' >&2
    "$(dirname "$0")/apt-install.sh" openssh-server
    if command -v systemctl >/dev/null; then
        # Debian has a service, newer Ubuntus a socket; whichever is there would come up at the next boot.
        systemctl --quiet disable ssh.service ssh.socket 2>/dev/null || systemctl --quiet disable ssh.service 2>/dev/null || true
    fi
fi

# sshd as root refuses to run without the folder that its service would have made.
[ "$(id -u)" != 0 ] || mkdir -p -m 0755 /run/sshd
