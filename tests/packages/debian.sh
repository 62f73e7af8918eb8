# The Debian package: tests/packages/run sources this file.
#
# A bare Debian is made by debootstrap and kept in target/debian-root for the next run. The package
# is installed into a copy, whose own systemd then boots in a container: so the unit, its sandbox
# and its notifications are tried as they are.

# Makes the bare Debian, or takes the one that is there.
bare_debian() {
    local root=$PWD/target/debian-root
    if [ ! -e "$root/ready" ]; then
        rm -rf "$root"
        say "making a bare Debian in target/debian-root"
        debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,ca-certificates,adduser \
            bookworm "$root" >"$work/debootstrap" || fail "debootstrap: $(tail -3 "$work/debootstrap")"
        touch "$root/ready"
    fi
    cp -a "$root" "$work/debian"
}

in_debian() { chroot "$work/debian" "$@"; }

# Boots the copy. Its network is its own: loopback alone.
boot() {
    systemd-nspawn --quiet --directory="$work/debian" --boot --register=no --keep-unit \
        --private-network --console=pipe >"$work/console" 2>&1 </dev/null &
    nspawn=$!
    cleanups+=(end_of_debian)
    until inside true 2>/dev/null; do
        kill -0 "$nspawn" 2>/dev/null || return 1
        sleep 0.2
    done
    # A system in a container is often degraded: some unit wants a device.
    until [[ $(inside systemctl is-system-running 2>/dev/null) =~ ^(running|degraded)$ ]]; do
        kill -0 "$nspawn" 2>/dev/null || return 1
        sleep 0.2
    done
}

# The processes in the container end with their init.
end_of_debian() {
    local init
    init=$(pgrep -P "$nspawn" | head -n 1)
    kill -9 $init "$nspawn" 2>/dev/null
    wait "$nspawn" 2>/dev/null
}

# Runs a command in the booted copy.
inside() {
    local init
    init=$(pgrep -P "$nspawn" | head -n 1)
    [ -n "$init" ] || return 1
    nsenter --target "$init" --mount --uts --ipc --net --pid --root --wdns=/ "$@"
}

start_service() {
    inside systemctl start tollgate && return
    inside journalctl --no-pager -u tollgate | tail -20
    return 1
}

property() { inside systemctl show tollgate --property "$1" --value; }

until_is() {
    local name=$1 wanted=$2 left=300
    until [ "$(property "$name")" = "$wanted" ]; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { inside journalctl --no-pager -u tollgate | tail -30 >&2; return 1; }
        sleep 0.1
    done
}

debian() {
    for tool in debootstrap systemd-nspawn; do
        command -v "$tool" >/dev/null || { .ci/prepare packages && break; }
    done
    local package
    package=$(echo "$packages"/tollgate_*.deb)
    bare_debian
    cp "$package" "$work/debian/tmp/tollgate.deb"
    check "the package is installed" in_debian dpkg --install /tmp/tollgate.deb
    check "no file of the package was changed" in_debian dpkg --verify tollgate
    check "a manual page" test -s "$work/debian/usr/share/man/man1/tollgate.1.gz"
    check "the version" grep -qx "tollgate $version" <(in_debian tollgate --version)
    check "the unit" in_debian systemd-analyze verify --man=no /usr/lib/systemd/system/tollgate.service
    # 10 is no sandbox at all.
    check "the unit's sandbox" in_debian systemd-analyze security --offline=yes --threshold=30 \
        /usr/lib/systemd/system/tollgate.service
    boot || fail "systemd does not boot in a container here: $(tail -3 "$work/console")"
    a_service_without_a_manifest_waits
    a_service_receives
    a_service_comes_back
    an_upgrade_keeps_everything
    a_purge_keeps_the_ledger
    inside systemctl poweroff
    wait "$nspawn" || true
}

a_service_without_a_manifest_waits() {
    check "no start without a manifest" test "$(property ActiveState)" = inactive
    check "no failure without a manifest" test "$(property ConditionResult)" = no
}

a_service_receives() {
    check "a manifest" inside tollgate init --provider stripe /etc/tollgate
    echo STRIPE_SECRET=whsec_packages >>"$work/debian/etc/tollgate/environment"
    check "the service starts" start_service
    check "the service is ready when systemd says so" test "$(property ActiveState)" = active
    check "the gateway tells its state" grep -q 'receives at http://127.0.0.1:8080' <(property StatusText)
    check "the watchdog is fed" test "$(property WatchdogTimestampMonotonic)" -gt 0
    printf 'ingress http://127.0.0.1:8080\nadmin http://127.0.0.1:8081\n' >"$work/addresses"
    cat >"$work/debian/usr/local/bin/as-operator" <<'END'
#!/bin/sh
STRIPE_SECRET=whsec_packages exec tollgate "$@"
END
    chmod 755 "$work/debian/usr/local/bin/as-operator"
    nspawn_command="nsenter --target $(pgrep -P "$nspawn" | head -n 1) --mount --net --pid --root --wdns=/"
    post "$nspawn_command as-operator" /etc/tollgate "$work/addresses"
    printf '\n[sources.second]\npath = "/second"\nscheme = "stripe"\nsecrets = ["whsec_second"]\n' \
        >>"$work/debian/etc/tollgate/tollgate.toml"
    check "a reload" inside systemctl reload tollgate
    check "the reload is in the journal" wait_for_journal 'a new generation serves'
    check "the service user owns the ledger" \
        test "$(inside stat -c %U:%a /var/lib/tollgate)" = tollgate:700
}

wait_for_journal() {
    local left=100
    until inside journalctl --no-pager -u tollgate | grep -q "$1"; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.1
    done
}

# A killed gateway is started again; a stopped one ends well.
a_service_comes_back() {
    local before
    before=$(property MainPID)
    inside sh -c "kill -9 $before"
    until [ "$(property MainPID)" != "$before" ] && [ "$(property MainPID)" != 0 ]; do sleep 0.1; done
    check "the service is back after a kill" until_is ActiveState active
    check "the service stops" inside systemctl stop tollgate
    check "the service ends well" test "$(property Result)" = success
    # A process that hangs feeds no watchdog, and systemd ends it.
    inside mkdir -p /run/systemd/system/tollgate.service.d
    inside sh -c 'printf "[Service]\nWatchdogSec=2\n" >/run/systemd/system/tollgate.service.d/w.conf'
    inside systemctl daemon-reload
    inside systemctl start tollgate
    before=$(property MainPID)
    inside sh -c "kill -STOP $before"
    until [ "$(property MainPID)" != "$before" ] && [ "$(property MainPID)" != 0 ]; do sleep 0.1; done
    check "a gateway that hangs is replaced" wait_for_journal 'atchdog timeout'
    inside rm -r /run/systemd/system/tollgate.service.d
    inside systemctl daemon-reload
    check "the service is back" until_is ActiveState active
}

an_upgrade_keeps_everything() {
    local before
    before=$(property MainPID)
    cp "$package" "$work/debian/var/tmp/tollgate.deb"
    check "an upgrade" inside dpkg --install /var/tmp/tollgate.deb
    check "the service runs the new program" until_is ActiveState active
    check "the service was restarted" test "$(property MainPID)" != "$before"
    check "the secret is still there" grep -q whsec_packages "$work/debian/etc/tollgate/environment"
    inside tollgate events list --json --url http://127.0.0.1:8081 >"$work/events"
    check "the event is still there" grep -q payment_intent.succeeded "$work/events"
}

a_purge_keeps_the_ledger() {
    check "a removal" inside dpkg --remove tollgate
    check "the program is gone" test ! -e "$work/debian/usr/bin/tollgate"
    check "a purge" inside dpkg --purge tollgate
    check "the ledger is still there" test -s "$work/debian/var/lib/tollgate/tollgate.db"
    check "the manifest is still there" test -s "$work/debian/etc/tollgate/tollgate.toml"
}
