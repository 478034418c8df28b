#!/bin/sh
# Sees to it that PostgreSQL's programs are there for the tests, which run a server of their own on a loopback port.
# No cluster is made and no service is started. Without root, says what is skipped and succeeds.
set -eu

for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
    [ ! -x "$initdb" ] || exit 0
done

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo '本机没有 PostgreSQL 服务器程序，需要它的测试将跳过。要运行这些测试：sudo apt-get install postgresql' >&2
    echo "PostgreSQL's server is missing, so the tests that need it are skipped. To run them: sudo apt-get install postgresql" >&2
    exit 0
fi
echo '安装 postgresql（不建立集群，不启动服务）… / installing postgresql (no cluster is made, no service is started) …' >&2
apt_install="$(dirname "$0")/apt-install.sh"
# What the second package does as it is installed, the first one's file says.
"$apt_install" postgresql-common
sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
"$apt_install" postgresql
