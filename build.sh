#!/usr/bin/env bash
# Builds, shows, tests and measures bpftime. "./build.sh help" lists the verbs.
#
# Works from any directory, as root and as an ordinary user. As root it installs what a verb lacks with apt; otherwise it
# says which packages are missing. Everything it makes is below build/.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")"
root=$PWD
out=$root/build
agent=$out/libbpftime-agent.so

# The shared library: no symbol table and no DWARF, and everything bound when it is loaded, so that no hit ever enters the
# dynamic linker.
agent_ldflags="-s -w '-extldflags=-Wl,-z,now -Wl,-z,nopack-relative-relocs -Wl,--version-script=$root/preload/exports.map'"
# What Go's own runtime/cgo passes. It has unused parameters; ours must have none, which check_c sees to.
cgo_warnings='-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror'
c_warnings=(-Wall -Wextra -Werror)
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
nobody=65534
# What is worth running again without privilege: the packages that start the agent.
unprivileged=(./tests/signals/... ./tests/hosts/... ./tests/bench/... ./preload/... ./cmd/bpftime/... ./tests/objects/... ./tests/applier/...
	./tests/syscalls/... ./tests/registers/... ./examples/...)

usage() {
	cat <<'END'
usage: ./build.sh [VERB]

  build     the agent build/libbpftime-agent.so and the command build/bpftime (the default); needs Go and gcc
  demo      build, and run eBPF programs in sort, perl, ls and bash, which know nothing of it
  test      every check and test with reduced counts, less than 40 minutes; as root also as an unprivileged user
  bench     cost of probes, maps, helpers, start-up and memory, and of programs beside native code; [--short] [--json FILE]
  torture   the tests with their full counts; hours
  clean     remove build/
  help      this text
END
}

say() { printf '%s\n' "$*"; }
die() {
	printf 'build.sh: %s\n' "$*" >&2
	exit 1
}

# ---- what is needed ----

# Lines "COMMAND PACKAGE": the command, or the file, is looked for, the package is what Debian calls it.
needs_build='gcc gcc
readelf binutils'
needs_test="$needs_build
g++ g++
make make
objdump binutils
clang clang
clang-19 clang-19
llvm-objcopy llvm
/usr/include/bpf/bpf_helpers.h libbpf-dev
/usr/include/x86_64-linux-gnu/sys/sdt.h systemtap-sdt-dev
musl-gcc musl-tools
redis-server redis-server
redis-benchmark redis-tools
nginx nginx-light
wrk wrk
pg_ctl postgresql
python3 python3
/usr/lib/python3/dist-packages/greenlet python3-greenlet
perl perl
git git
curl curl
openssl openssl
busybox busybox
tar tar
gzip gzip
strace strace
gdb gdb
setpriv util-linux"
# Hosts that are tested, and libraries that are decoded, when they are there or can be had.
wishes_test='perf linux-perf
/usr/lib/python3.11/test/test_dict.py libpython3.11-testsuite
node nodejs
java default-jre-headless
javac default-jdk-headless
/usr/lib/x86_64-linux-gnu/libx265.so.199 libx265-199
/usr/lib/x86_64-linux-gnu/libdav1d.so.6 libdav1d6'

# Go and the programs of administrators are not on every PATH, postgres on none.
export PATH="$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin"

is_there() { # COMMAND or FILE
	[[ $1 == /* && -e $1 ]] || command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

missing_packages() { # LINES
	local command package
	while read -r command package; do
		is_there "$command" || printf '%s\n' "$package"
	done <<<"$1" | sort -u
}

is_root() { [[ $(id -u) == 0 ]]; }

apt_install() { # PACKAGE…
	say "installing: $*"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends "$@" >/dev/null
}

need() { # LINES
	local packages
	mapfile -t packages < <(missing_packages "$1")
	((${#packages[@]} == 0)) && return
	if ! is_root || ! command -v apt-get >/dev/null; then
		die "missing packages; install them: sudo apt-get install ${packages[*]}"
	fi
	apt_install "${packages[@]}" || die "cannot install ${packages[*]}"
	mapfile -t packages < <(missing_packages "$1")
	((${#packages[@]} == 0)) || die "installed, but their commands are still not found: ${packages[*]}"
}

# Packages that a test can do without. Without one of them its host is skipped; with all of them a skipped host is an error.
wish() { # LINES
	local packages
	mapfile -t packages < <(missing_packages "$1")
	if ((${#packages[@]} > 0)) && is_root && command -v apt-get >/dev/null; then
		local package
		for package in "${packages[@]}"; do # apt installs all that it is told, or nothing
			apt_install "$package" || true
		done
		mapfile -t packages < <(missing_packages "$1")
	fi
	if ((${#packages[@]} == 0)); then
		export BPFTIME_REQUIRE_HOSTS=1
	else
		say "goes on without: ${packages[*]}"
	fi
}

# Go itself is not installed: Debian's is too old. A newer one fetches what go.mod asks for by itself.
need_go() {
	local want have
	want=$(awk '$1 == "go" { print $2 }' go.mod)
	have=$(go env GOVERSION 2>/dev/null || true)
	have=${have#go}
	if [[ -z $have || $(printf '%s\n' "$want" "$have" | sort -V | head -n 1) != "$want" ]]; then
		die "Go $want or newer is needed, found ${have:-none}: https://go.dev/dl/"
	fi
}

# Go keeps caches below HOME. Where that cannot be written, they go below build/.
choose_go_caches() {
	local home=${HOME:-/nonexistent}
	export CGO_ENABLED=1 GOFLAGS="${GOFLAGS:-} -buildvcs=false"
	[[ -d $home && -w $home ]] && return
	export HOME=$out/home GOPATH=${GOPATH:-$out/home/go} GOCACHE=${GOCACHE:-$out/home/cache} GOFLAGS="$GOFLAGS -modcacherw"
	mkdir -p "$HOME"
	say "home directory $home is not writable: Go's caches are in build/home"
}

prepare() { # LINES
	mkdir -p "$out" 2>/dev/null || true
	[[ -w $out ]] || die "cannot write to $out"
	need "$1"
	choose_go_caches
	need_go
}

# ---- build ----

# The agent is made under another name, finished, and comes into its place whole: processes may be starting with it.
build_agent() {
	local made=$out/made/libbpftime-agent.so
	rm -rf "$out/made"
	go build -trimpath -buildmode=c-shared -ldflags "$agent_ldflags" -o "$made" ./preload
	go run ./internal/postlink "$made"
	mv "$made" "$agent"
	rm -rf "$out/made" # with Go's C header: nobody calls the agent by name
}

build_command() { # NAME
	go build -trimpath -ldflags '-s -w' -o "$out/$1" "./cmd/$1"
	say "built build/$1"
}

relocations() { # FILE
	readelf -rW "$1" | awk '/^Relocation section .* contains/ { n += $(NF - 1) } END { print n + 0 }'
}

glibc_needed() { # FILE
	readelf -VW "$1" | grep -o 'GLIBC_[0-9.]*[0-9]' | sort -Vu | tail -n 1
}

describe_agent() {
	[[ -f $agent ]] || return 0
	say "agent: $(relocations "$agent") relocations, $(stat -c %s "$agent") bytes, needs $(glibc_needed "$agent")"
}

build_all() {
	build_agent
	say "built build/libbpftime-agent.so"
	describe_agent
	build_command bpftime
	build_command bpf_conformance_plugin
}

verb_build() {
	prepare "$needs_build"
	build_all
}

# ---- demo ----

show() { # WORD…: a command as it is run
	say
	say "\$ $*"
}

verb_demo() {
	prepare "$needs_build"
	build_all
	local dir=$out/demo
	rm -rf "$dir"
	mkdir -p "$dir"
	mkdir -m 700 "$dir/run"
	export BPFTIME_RUNDIR=$dir/run
	seq 100000 -1 1 >"$dir/numbers"

	say
	say "eBPF programs run inside sort: they count what it allocates, and of which sizes."
	show "build/bpftime run mallocs -- sort -n -o sorted numbers"
	"$out/bpftime" run mallocs -- sort -n -o "$dir/sorted" "$dir/numbers"
	cmp <(seq 1 100000) "$dir/sorted" || die "sort did not sort"

	say
	say "They time a function in perl, which writes 5000 times."
	show "build/bpftime run funclatency libc:write -- perl -e 'syswrite STDOUT, q(.) for 1..5000' >/dev/null"
	"$out/bpftime" run funclatency libc:write -- perl -e 'syswrite STDOUT, q(.) for 1..5000' >/dev/null

	say
	say "They see system calls: which of them take ls longest, and what a shell starts."
	show "build/bpftime run syscount -L -T 5 -- ls -R /usr/include >/dev/null"
	"$out/bpftime" run syscount -L -T 5 -- ls -R /usr/include >/dev/null
	show "build/bpftime run execsnoop -- bash -c 'seq 5 | sort -r | tail -n 1'"
	"$out/bpftime" run execsnoop -- bash -c 'seq 5 | sort -r | tail -n 1'

	cat >"$dir/demo.yaml" <<'END'
session: demo
objects:
  - gadget: funccount
    args: [uprobe/libc:malloc, uprobe/libc:free]
END
	say
	say "Without the command: two environment variables, and a manifest that says what to attach."
	show "cat demo.yaml"
	cat "$dir/demo.yaml"
	show "LD_PRELOAD=build/libbpftime-agent.so BPFTIME_MANIFEST=$dir/demo.yaml bash -c 'echo hello'"
	BPFTIME_MANIFEST=$dir/demo.yaml LD_PRELOAD=$agent bash -c 'echo hello'
	show "build/bpftime ps"
	"$out/bpftime" ps
}

# ---- test ----

steps=()     # "STATUS SECONDS NAME", in order
failed_steps=0

# Runs one step of the test. A failed one does not hide the others.
step() { # NAME COMMAND…
	local name=$1 start=$SECONDS status
	shift
	say
	say "==== $name"
	set +e
	(
		set -e
		"$@"
	)
	status=$?
	set -e
	if ((status == 0)); then
		steps+=("passed $((SECONDS - start)) $name")
	else
		steps+=("FAILED $((SECONDS - start)) $name")
		failed_steps=$((failed_steps + 1))
		say "==== $name: failed with exit code $status"
	fi
}

summary() {
	local line
	say
	say "==== summary"
	for line in "${steps[@]}"; do
		# shellcheck disable=SC2086 # three words, the last one takes the rest
		printf '%s %5d s  %s\n' ${line%% *} "$(cut -d' ' -f2 <<<"$line")" "$(cut -d' ' -f3- <<<"$line")"
	done
	describe_agent
	say "$((${#steps[@]} - failed_steps)) passed, $failed_steps failed"
	((failed_steps == 0))
}

# The files of the project, also those not yet committed, and no others.
project_files() { # PATTERN…
	git -c safe.directory="$root" ls-files -z --cached --others --exclude-standard -- "$@" |
		while IFS= read -r -d '' file; do
			[[ -f $file ]] && printf '%s\0' "$file"
		done
}

check_gofmt() {
	local unformatted
	unformatted=$(project_files '*.go' | xargs -0 -r gofmt -l)
	[[ -z $unformatted ]] || die "not formatted by gofmt: $unformatted"
}

check_staticcheck() { go run "$staticcheck" ./...; }

# Everything that cgo compiles, warnings being errors: preload and internal/native, which it links.
check_cgo() {
	mkdir -p "$out/test"
	CGO_CFLAGS=$cgo_warnings go build -buildmode=c-shared -o "$out/test/warnings.so" ./preload
}

# Every C file that can stand alone, with all warnings.
check_c() {
	local file failed=0
	while IFS= read -r -d '' file; do
		[[ $file == *.bpf.c ]] && continue # clang's, which compiles it with -Werror
		grep -q '_cgo_export\.h' "$file" && continue
		gcc "${c_warnings[@]}" -fsyntax-only -I "$(dirname "$file")" -I internal/abi -I internal/native "$file" || failed=1
	done < <(project_files 'preload/*.c' 'internal/*.c' 'tests/bench/c/*.c')
	return $failed
}

# Generated files are what their generators make of them now.
check_generated() {
	local copy=$out/test/generated
	copy_project "$copy"
	cd "$copy"
	git init -q .
	git add -A
	git -c user.name=test -c user.email=test@localhost commit -q -m before
	go generate ./...
	git add -A
	git diff --cached --exit-code --stat HEAD
}

copy_project() { # DIR
	rm -rf "$1"
	mkdir -p "$1"
	project_files | tar -c --null -T - | tar -x -C "$1"
}

# The library part, on systems that have no other part.
check_cross() {
	local target
	for target in linux/arm64 darwin/arm64 windows/amd64; do
		say "vet for $target"
		CGO_ENABLED=0 GOOS=${target%/*} GOARCH=${target#*/} go vet ./vm/...
	done
}

# Random programs in the interpreter, as machine code, and in the kernel where it may be asked.
fuzz_engines() { # TIME
	go test -run '^$' -fuzz '^FuzzEngines$' -fuzztime "$1" ./vm/gen
}

# Random bytes as instructions, and moved to another place.
fuzz_x86() { # TIME_OF_EACH
	local target
	for target in FuzzDecode FuzzRelocate; do
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" ./internal/x86
	done
}

test_go() { # TIMEOUT
	BPFTIME_AGENT=$agent go test -p 2 -timeout "$1" ./...
}

# The tests once more without any privilege: compiled here, run from a copy that everybody may read.
test_unprivileged() { # TIMEOUT
	local dir package name
	dir=$(mktemp -d "${TMPDIR:-/tmp}/bpftime-test-XXXXXX")
	# shellcheck disable=SC2064 # the directory of now
	trap "rm -rf '$dir'" EXIT
	copy_project "$dir/src"
	mkdir -p "$dir/src/build" "$dir/bin"
	cp "$out"/*.so "$out"/bpf* "$dir/src/build/" 2>/dev/null || true
	mkdir -m 700 "$dir/home"
	chown "$nobody:$nobody" "$dir/home"
	chmod -R a+rX "$dir/src"
	chmod 755 "$dir"
	go test -c -o "$dir/bin/" "${unprivileged[@]}"
	chmod -R a+rx "$dir/bin"
	local failed=0
	for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' "${unprivileged[@]}"); do
		name=$(basename "$package").test
		run_as_nobody "$dir" "${package#"$(go list -m)"}" "$name" "$1" || failed=1
	done
	return $failed
}

run_as_nobody() { # DIR PACKAGE_DIR BINARY TIMEOUT
	local start=$SECONDS
	if (
		cd "$1/src$2"
		timeout --kill-after=10 "$4" setpriv --reuid=$nobody --regid=$nobody --clear-groups env -i \
			PATH="$PATH" HOME="$1/home" TMPDIR="$1/home" LC_ALL=C.UTF-8 BPFTIME_AGENT="$1/src/build/libbpftime-agent.so" \
			${BPFTIME_TORTURE:+BPFTIME_TORTURE=1} \
			${BPFTIME_REQUIRE_HOSTS:+BPFTIME_REQUIRE_HOSTS=1} "$1/bin/$3" -test.timeout "$4"
	); then
		say "ok    $2 as $nobody ($((SECONDS - start)) s)"
	else
		say "FAIL  $2 as $nobody"
		return 1
	fi
}

# Probes, maps, helpers, start-up and memory; then machine code beside native code, where clang and the programs to compile are there.
run_bench() { # [--short] [--json FILE]
	local arg before='' rounds=300 vm=()
	go run ./tests/bench --agent "$agent" "$@"
	for arg in "$@"; do
		[[ $arg == --short ]] && rounds=20
		[[ $before == --json ]] && vm=(-json "$(realpath "$(dirname "$arg")")/vm-$(basename "$arg")")
		before=$arg
	done
	say
	go test -count=1 -run '^$' -bench '^BenchmarkRun$' ./vm/jit/bench -args -rounds "$rounds" "${vm[@]}"
}

run_tests() { # TIMEOUT_OF_A_PACKAGE FUZZ_TIME FUZZ_TIME_OF_X86
	step 'build' build_all
	step 'gofmt' check_gofmt
	step 'go vet' go vet ./...
	step 'staticcheck' check_staticcheck
	step 'C in cgo packages' check_cgo
	step 'C alone' check_c
	step 'generated files' check_generated
	step 'other systems' check_cross
	step "go test as $(id -un)" test_go "$1"
	if is_root; then
		step "tests as user $nobody" test_unprivileged "$1"
	fi
	step "fuzz the engines, $2" fuzz_engines "$2"
	step "fuzz decoder and relocator, $3 each" fuzz_x86 "$3"
	step 'bench --short' run_bench --short
	summary
}

verb_test() {
	prepare "$needs_test"
	wish "$wishes_test"
	run_tests 15m 60s 10s
}

verb_torture() {
	prepare "$needs_test"
	wish "$wishes_test"
	export BPFTIME_TORTURE=1
	run_tests 6h 1h 30m
}

verb_bench() {
	prepare "$needs_build"
	build_all
	run_bench "$@"
}

verb_clean() {
	[[ -e $out ]] || return 0
	chmod -R u+w "$out"
	rm -rf "$out"
	say "removed build/"
}

verb=${1:-build}
(($# > 0)) && shift
case $verb in
build | demo | test | torture | clean)
	(($# == 0)) || die "$verb takes no argument: $*"
	"verb_$verb"
	;;
bench) verb_bench "$@" ;;
help | -h | --help) usage ;;
*)
	usage >&2
	exit 2
	;;
esac
