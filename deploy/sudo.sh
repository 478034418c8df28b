#!/bin/sh
# Sees to it that sudo is there for the tests of who acts, and of the rules that are shipped. Nothing is configured.
# Without root, says what is skipped and succeeds.
set -eu
PATH=$PATH:/usr/sbin:/sbin

if command -v visudo >/dev/null; then
    exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo '本机没有 sudo，需要它的测试将跳过。要运行这些测试：apt-get install sudo（以 root 身份）' >&2
    echo 'sudo is missing, so the tests that need it are skipped. To run them: apt-get install sudo, as root' >&2
    exit 0
fi
echo '安装 sudo（不作任何配置）… / installing sudo (nothing is configured) …' >&2
"$(dirname "$0")/apt-install.sh" sudo
