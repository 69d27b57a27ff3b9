#!/usr/bin/env bash
# Starts PostgreSQL, Redis and nginx for the stacks on free ports of 127.0.0.1, in a folder of its own, and stops them.
#
#   setup.sh start DIR     prints KEY=VALUE lines: PGPORT, REDIS_PORT
#   setup.sh nginx DIR PORT UPSTREAM_PORT     starts nginx in front of a service
#   setup.sh stop DIR
#
# Debian packages: postgresql, redis-server, nginx.
set -euo pipefail

need() {
  command -v "$1" >/dev/null || [ -x "$1" ] || { echo "missing: $1; apt-get install $2" >&2; exit 3; }
}
free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

dir=$2
case "$1" in
  start)
    pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    need "${pg:-/usr/lib/postgresql}/postgres" postgresql
    need redis-server redis-server
    need nginx nginx
    mkdir -p "$dir/pg" "$dir/redis"
    pgport=$(free_port)
    redisport=$(free_port)
    run=()
    if [ "$(id -u)" = 0 ]; then
      # PostgreSQL refuses to run as root.
      chown -R postgres "$dir/pg"
      chmod 711 "$dir"
      run=(setpriv --reuid postgres --regid postgres --clear-groups env HOME="$dir/pg")
    fi
    "${run[@]}" "$pg/initdb" -D "$dir/pg/data" -U plimsoll --auth trust --no-sync >"$dir/initdb.log" 2>&1
    "${run[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -w -l "$dir/pg/log" \
      -o "-p $pgport -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir/pg -c fsync=off" start >/dev/null
    redis-server --port "$redisport" --bind 127.0.0.1 --dir "$dir/redis" --save '' --daemonize yes \
      --pidfile "$dir/redis/pid" >/dev/null
    echo "PGPORT=$pgport"
    echo "REDIS_PORT=$redisport"
    ;;
  nginx)
    mkdir -p "$dir/nginx"
    cat >"$dir/nginx/conf" <<CONF
worker_processes 1;
pid $dir/nginx/pid;
error_log $dir/nginx/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $dir/nginx/body;
  proxy_temp_path $dir/nginx/proxy;
  fastcgi_temp_path $dir/nginx/fastcgi;
  uwsgi_temp_path $dir/nginx/uwsgi;
  scgi_temp_path $dir/nginx/scgi;
  server {
    listen 127.0.0.1:$3;
    location / {
      proxy_pass http://127.0.0.1:$4;
      proxy_http_version 1.1;
      proxy_set_header Upgrade \$http_upgrade;
      proxy_set_header Connection \$http_connection;
    }
  }
}
CONF
    nginx -c "$dir/nginx/conf" -p "$dir/nginx"
    ;;
  stop)
    for pid in "$dir/redis/pid" "$dir/nginx/pid" "$dir/pg/data/postmaster.pid"; do
      if [ -f "$pid" ]; then kill -INT "$(head -1 "$pid")" 2>/dev/null || true; fi
    done
    ;;
esac
