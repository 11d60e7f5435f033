#!/bin/bash
# What docker-compose.yml promises, asked of the running stack (`$COMPOSE up -d --wait` has been done).
#
#   COMPOSE="docker compose" tests/container/compose-check.sh      from the repository's root; changes config/xoproxy.yaml
#
# Claims: the page of the Flask service has the policy; a preflight is answered; the policy file edited on the host takes effect
# (in place, and by rename); a backend that is stopped gives a readable 502, and one that comes back with another address is found;
# none of it restarts xoproxy.  Then the sidecar of examples/.
set -euo pipefail
: "${COMPOSE:=docker compose}"
DOCKER=${COMPOSE%% *}
URL=http://127.0.0.1:8080
FILE=config/xoproxy.yaml
ORIGIN=https://app.example.com
TEMPORARY=$(mktemp -d)
SIDECAR="$COMPOSE -p xoproxy-sidecar-$$ -f examples/sidecar/docker-compose.yml"
SIDECAR_UP=

clean_up() {
    local code=$?
    [ -z "$SIDECAR_UP" ] || $SIDECAR down -v -t 10 >/dev/null 2>&1 || true
    [ ! -f "$TEMPORARY/original" ] || cat "$TEMPORARY/original" >"$FILE"
    rm -rf "$TEMPORARY"
    exit "$code"
}
trap clean_up EXIT

ok() { echo "ok    $*"; }
fail() {
    echo "FAIL  $*"
    cat "$TEMPORARY/head" 2>/dev/null || true
    $COMPOSE logs --tail 15 2>&1 || true
    exit 1
}

# ask CURL-ARGUMENTS...: one exchange; status in $STATUS, head in $TEMPORARY/head, content in $TEMPORARY/body
ask() {
    STATUS=$(curl -s --noproxy '*' -m 10 -D "$TEMPORARY/head" -o "$TEMPORARY/body" -w '%{http_code}' "$@") || true
}
# fields NAME: the values of all lines of that name, one per line
fields() { tr -d '\r' <"$TEMPORARY/head" | sed -n "s/^$1: *//Ip"; }
# expect NAME VALUE: exactly one line of that name, with that value
expect() { [ "$(fields "$1")" = "$2" ] || fail "$1 is '$(fields "$1")', not '$2'"; }
# until_field NAME VALUE CURL-ARGUMENTS...: ask until the field has the value, for at most ten seconds
until_field() {
    local name=$1 value=$2 tries=100
    shift 2
    while ask "$@" && [ "$(fields "$name")" != "$value" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "$name did not become '$value'"
        sleep 0.1
    done
}
# until_status STATUS CURL-ARGUMENTS...: ask until that status, for at most thirty seconds
until_status() {
    local wanted=$1 tries=300
    shift
    while ask "$@" && [ "$STATUS" != "$wanted" ]; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "status is $STATUS, not $wanted"
        sleep 0.1
    done
}
container() { $COMPOSE ps -a -q "$1"; }
address() { $DOCKER inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(container "$1")"; }
# The starts of xoproxy's process so far; any restart or recreation changes it.
starts() { $DOCKER inspect -f '{{.Id}} {{.State.StartedAt}} {{.RestartCount}}' "$(container xoproxy)"; }

STARTS=$(starts)

# --- the file as shipped -----------------------------------------------------------------------------------------------------------
ask "$URL/"
[ "$STATUS" = 200 ] || fail "the page answers $STATUS"
grep -q 'A Flask application' "$TEMPORARY/body" || fail "this is not the Flask application's page"
expect Cross-Origin-Opener-Policy same-origin
expect Cross-Origin-Embedder-Policy require-corp
expect Cross-Origin-Resource-Policy same-origin
ok "the Flask application's page has the policy"

# --- a file with CORS, written in place --------------------------------------------------------------------------------------------
cp "$FILE" "$TEMPORARY/original"
policy() { # policy MAX_AGE
    cat <<YAML
version: 1
listen:
  - address: 0.0.0.0:8080
upstream: http://app:5000
policies:
  all:
    coop: same-origin
    coep: credentialless
    cors:
      allow_origins: [$ORIGIN]
      allow_methods: [GET, PUT]
      allow_headers: [Authorization]
      max_age: $1
policy: all
YAML
}
PREFLIGHT=(-X OPTIONS -H "Origin: $ORIGIN" -H 'Access-Control-Request-Method: PUT' -H 'Access-Control-Request-Headers: authorization'
    "$URL/api/private")

policy 61 >"$FILE"
until_field Access-Control-Max-Age 61 "${PREFLIGHT[@]}"
ok "the file edited in place on the host is in force"

[ "$STATUS" = 204 ] || fail "the preflight answers $STATUS"
expect Access-Control-Allow-Origin "$ORIGIN"
fields Access-Control-Allow-Methods | grep -qw PUT || fail "the preflight does not grant PUT"
fields Access-Control-Allow-Headers | grep -qwi authorization || fail "the preflight does not grant Authorization"
ok "a preflight is answered"

policy 62 >"config/.new.yaml"
mv config/.new.yaml "$FILE"
until_field Access-Control-Max-Age 62 "${PREFLIGHT[@]}"
ok "the file replaced by rename is in force"

echo 'version: [' >"$FILE"
sleep 2
ask "${PREFLIGHT[@]}"
expect Access-Control-Max-Age 62
policy 63 >"$FILE"
until_field Access-Control-Max-Age 63 "${PREFLIGHT[@]}"
ok "a broken file changes nothing, the next good one does"

# --- the backend goes and comes back somewhere else --------------------------------------------------------------------------------
BEFORE=$(address app)
$COMPOSE stop -t 5 app >/dev/null 2>&1
until_status 502 -H "Origin: $ORIGIN" "$URL/api/items"
expect Access-Control-Allow-Origin "$ORIGIN"
expect Cross-Origin-Embedder-Policy credentialless
expect Content-Type application/problem+json
ok "a stopped backend gives a readable 502"

$COMPOSE rm -f app >/dev/null 2>&1
# the address just given back would be the next one given out: let another container take it
$COMPOSE run -d --no-deps --name "squatter-$$" app sleep 120 >/dev/null 2>&1
$COMPOSE up -d --no-deps --wait app >/dev/null 2>&1
$DOCKER rm -f "squatter-$$" >/dev/null 2>&1
AFTER=$(address app)
[ "$BEFORE" != "$AFTER" ] || fail "the recreated backend has its old address $AFTER, so this shows nothing"
until_status 200 -H "Origin: $ORIGIN" "$URL/api/items"
expect Access-Control-Allow-Origin "$ORIGIN"
ok "the backend recreated at another address ($BEFORE, now $AFTER) is found"

[ "$(starts)" = "$STARTS" ] || fail "xoproxy was restarted: $STARTS, now $(starts)"
ok "xoproxy was not restarted"

# --- the sidecar -------------------------------------------------------------------------------------------------------------------
export XOPROXY_PORT=18080
SIDECAR_UP=1
$SIDECAR up -d --build --wait --wait-timeout 90 >"$TEMPORARY/sidecar.log" 2>&1 || { cat "$TEMPORARY/sidecar.log"; fail "the sidecar does not come up"; }
ask "http://127.0.0.1:$XOPROXY_PORT/"
[ "$STATUS" = 200 ] || fail "the sidecar's page answers $STATUS"
expect Cross-Origin-Opener-Policy same-origin
expect Cross-Origin-Embedder-Policy require-corp
ok "the sidecar's page has the policy"
