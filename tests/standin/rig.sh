# A real Tomcat 9 and a real MariaDB below one temporary folder, for the scripts beside this file. Sourced, not run.
# Everything listens on 127.0.0.1 only, and everything is ended and removed when the shell that sourced this exits.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tomcat_version=9.0.117
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.11.0

rig=$(mktemp -d "${TMPDIR:-/tmp}/posto-standin.XXXXXX")
mariadbd_pid= java_pid=
admin_password=Posto2026x

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

need() {
    command -v "$1" >/dev/null || die "$1 is missing; on Debian: apt-get install --no-install-recommends $2"
}

free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
    die "no free port found"
}

rig_prepare() {
    need javac default-jdk-headless
    need mvn maven
    need curl curl
    need mariadbd mariadb-server-core
    need mariadb-install-db mariadb-server-core
    need mariadb mariadb-client-core
    trap rig_end EXIT
    trap 'exit 130' INT TERM
    if [ ! -f "$here/target/openmrs.war" ] \
        || [ -n "$(find "$here/src" "$here/distro" "$here/pom.xml" -newer "$here/target/openmrs.war" -print -quit)" ]; then
        (cd "$here" && mvn -q -B package) || die "the stand-in does not build"
    fi
    local archive=$here/target/tomcat-$tomcat_version.tar.gz
    [ -f "$archive" ] || (cd "$here" && mvn -q -B "$dependency_plugin:copy" \
        -Dartifact=org.apache.tomcat:tomcat:$tomcat_version:tar.gz -DoutputDirectory=target) || die "no Tomcat from Maven"
    tar -xzf "$archive" -C "$rig"
    tomcat=$rig/apache-tomcat-$tomcat_version
    base=$rig/base
    mkdir -p "$base"/{conf,logs,temp,work,webapps}
    cp "$tomcat/conf/web.xml" "$base/conf/"
    # On the box the web application lies unpacked and read-only: here too. The WAR plugin leaves it so.
    cp -r "$here/target/openmrs" "$rig/unpacked"
    chmod -R a-w "$rig/unpacked"
    db_port=$(free_port) http_port=$(free_port)
    mariadb-install-db --no-defaults --datadir="$rig/db" --auth-root-authentication-method=normal --skip-test-db \
        >"$rig/install-db.log" 2>&1 || die "mariadb-install-db failed: $(tail -n 3 "$rig/install-db.log")"
    name=openmrs
    db_password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
    db_start
    sql "create user openmrs@'127.0.0.1' identified by '$db_password'; grant all on \`%\`.* to openmrs@'127.0.0.1'"
    fresh_site empty
}

db_start() {
    local user=()
    [ "$(id -u)" -ne 0 ] || user=(--user=root)
    mariadbd --no-defaults "${user[@]}" --datadir="$rig/db" --socket="$rig/db.sock" --port="$db_port" \
        --bind-address=127.0.0.1 --pid-file="$rig/db.pid" --innodb-buffer-pool-size=64M --skip-log-bin \
        --skip-name-resolve >>"$rig/db.log" 2>&1 &
    mariadbd_pid=$!
    for _ in {1..150}; do
        mariadb --no-defaults -u root -S "$rig/db.sock" -e 'select 1' >/dev/null 2>&1 && return
        sleep 0.2
    done
    die "MariaDB does not answer: $(tail -n 5 "$rig/db.log")"
}

db_kill() { kill -9 "$mariadbd_pid"; wait "$mariadbd_pid" 2>/dev/null; mariadbd_pid=; }
db_stop() { kill "$mariadbd_pid"; wait "$mariadbd_pid" 2>/dev/null; mariadbd_pid=; }

# sql STATEMENT [DATABASE]: rows without headings
sql() { mariadb --no-defaults -N -u root -S "$rig/db.sock" ${2:+"$2"} -e "$1"; }

# A new data directory and an empty database for it. The collation is the one that old dumps need.
fresh_site() {
    site=$1 data=$rig/data-$1 database=site_$1
    rm -rf "$data"
    mkdir -p "$data/modules"
    sql "drop database if exists $database; create database $database character set utf8mb3 collate utf8mb3_general_ci"
}

db_url() { echo "jdbc:mariadb://127.0.0.1:$db_port/$database"; }

write_script() {
    script=$rig/install-$site.properties
    cat >"$script" <<END
install_method=auto
connection.driver_class=org.mariadb.jdbc.Driver
connection.url=$(db_url)
connection.username=openmrs
connection.password=$db_password
has_current_openmrs_database=true
create_database_user=false
create_tables=true
auto_update_database=true
module_web_admin=false
admin_user_password=$admin_password
END
}

write_runtime_properties() {
    cat >"$data/$name-runtime.properties" <<END
connection.driver_class=org.mariadb.jdbc.Driver
connection.url=$(db_url)
connection.username=openmrs
connection.password=$db_password
auto_update_database=${1:-true}
encryption.key=cG9zdG8tc3RhbmQtaW4ta2V5
encryption.vector=cG9zdG8tc3RhbmQtaW4taXY=
END
    chmod 600 "$data/$name-runtime.properties"
}

# java_start [JVM options]: as the box starts it, in the working directory $work (default: the Tomcat base)
java_start() {
    rm -rf "$base/webapps"/* "$base/work"/*
    ln -s "$rig/unpacked" "$base/webapps/$name"
    cat >"$base/conf/server.xml" <<END
<Server port="-1">
  <Service name="Catalina">
    <Connector port="$http_port" address="127.0.0.1" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps" unpackWARs="false" autoDeploy="false"/>
    </Engine>
  </Service>
</Server>
END
    : >"$rig/java.log"
    (cd "${work:-$base}" && exec java -Xmx1g -XX:+UseSerialGC -Djava.awt.headless=true -Dfile.encoding=UTF-8 \
        -DOPENMRS_APPLICATION_DATA_DIRECTORY="$data/" -Dstandin.startSeconds="${start_seconds:-2}" "$@" \
        -Dcatalina.home="$tomcat" -Dcatalina.base="$base" -Djava.io.tmpdir="$base/temp" \
        -cp "$tomcat/bin/bootstrap.jar:$tomcat/bin/tomcat-juli.jar" org.apache.catalina.startup.Bootstrap start) \
        >>"$rig/java.log" 2>&1 &
    java_pid=$!
}

java_stop() { [ -z "$java_pid" ] || { kill "$java_pid"; wait "$java_pid" 2>/dev/null; java_pid=; }; }
java_kill() { kill -9 "$java_pid"; wait "$java_pid" 2>/dev/null; java_pid=; }

address() { echo "http://127.0.0.1:$http_port/$name$1"; }

# ask PATH [curl options]: the status, 000 for no answer; the body is in $rig/body
ask() {
    local path=$1
    shift
    curl -s -o "$rig/body" -m "${patience:-3}" -w '%{http_code}' "$@" "$(address "$path")" || true
}

as_admin() {
    local path=$1
    shift
    ask "$path" -u "admin:$admin_password" "$@"
}

# wait_for STATUS PATH SECONDS
wait_for() {
    local end=$((SECONDS + $3))
    while [ "$SECONDS" -lt "$end" ]; do
        kill -0 "$java_pid" 2>/dev/null || { say "java has ended: $(tail -n 5 "$rig/java.log")"; return 1; }
        [ "$(patience=1 ask "$2")" = "$1" ] && return
        sleep 0.2
    done
    return 1
}

rig_end() {
    trap - EXIT
    [ -z "$java_pid" ] || kill -9 "$java_pid" 2>/dev/null
    [ -z "$mariadbd_pid" ] || kill -9 "$mariadbd_pid" 2>/dev/null
    wait 2>/dev/null
    if [ -n "${KEEP_RIG:-}" ]; then
        say "kept: $rig"
    else
        chmod -R u+w "$rig"
        rm -rf "$rig"
    fi
}
