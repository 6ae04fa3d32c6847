package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// Oldest systems that the agent is made for.
const (
	minKernel = "4.17" // MAP_FIXED_NOREPLACE
	minGlibc  = "2.34"
)

func checkSystem() finding {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return bad(statusWarn, "", "uname: %v", err)
	}
	release := unix.ByteSliceToString(u.Release[:])
	what := fmt.Sprintf("Linux %s, %s, %s", release, unix.ByteSliceToString(u.Machine[:]), counted(runtime.NumCPU(), "CPU"))
	if older(release, minKernel) {
		return bad(statusFail, "use Linux "+minKernel+" or newer", "%s", what)
	}
	return ok("%s", what)
}

// older compares versions by their first two numbers.
func older(version, than string) bool {
	var a, b, c, d int
	fmt.Sscanf(version, "%d.%d", &a, &b)
	fmt.Sscanf(than, "%d.%d", &c, &d)
	return a < c || a == c && b < d
}

func checkAgent() finding {
	path, err := findAgent()
	if err != nil {
		return bad(statusFail, "./build.sh makes it in build/; elsewhere, set "+agentVar, "%v", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return bad(statusFail, "make it readable", "%v", err)
	}
	if info.Mode().Perm()&0o444 != 0o444 {
		return bad(statusWarn, "chmod a+r "+path, "%s: other users cannot read it, nor processes that change their user", path)
	}
	return ok("%s", path)
}

// checkLibc compares what the agent needs of glibc with what is here. Where another
// libc is, nothing is said against it: the test shows whether it works.
func checkLibc() finding {
	path, err := findBinary("libc.so.6")
	if err != nil {
		return ok("no glibc in the usual places; musl works too")
	}
	have := glibcVersion(path)
	need := minGlibc
	if agent, err := findAgent(); err == nil {
		need = glibcNeeded(agent)
	}
	switch {
	case have == "":
		return bad(statusWarn, "", "%s does not say its version; %s is needed", path, need)
	case older(have, need):
		return bad(statusFail, "build the agent on this system", "glibc %s; the agent needs %s", have, need)
	}
	return ok("glibc %s; the agent needs %s", have, need)
}

// glibcVersion is in the text that libc.so.6 prints when it is run.
func glibcVersion(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, rest, found := bytes.Cut(b, []byte("stable release version "))
	if !found {
		return ""
	}
	end := bytes.IndexFunc(rest, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 || end > 16 {
		return ""
	}
	return strings.TrimSuffix(string(rest[:end]), ".")
}

func glibcNeeded(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return minGlibc
	}
	defer f.Close()
	need := "2.0"
	libraries, _ := f.DynamicVersionNeeds()
	for _, l := range libraries {
		for _, v := range l.Needs {
			if n, ok := strings.CutPrefix(v.Dep, "GLIBC_"); ok && older(need, n) {
				need = n
			}
		}
	}
	return need
}

func checkRunDir() finding {
	rundir, err := runDir()
	if err != nil {
		return bad(statusFail, "unset BPFTIME_RUNDIR, or give it an absolute path", "%v", err)
	}
	const fix = "set BPFTIME_RUNDIR to a directory of your own, mode 0700, best on a tmpfs"
	var st unix.Stat_t
	err = unix.Lstat(rundir, &st)
	if errors.Is(err, unix.ENOENT) {
		if err := unix.Access(filepath.Dir(rundir), unix.W_OK|unix.X_OK); err != nil {
			return bad(statusFail, fix, "%s is not there, and %s: %v", rundir, filepath.Dir(rundir), err)
		}
		return ok("%s, will be made", rundir)
	}
	switch {
	case err != nil:
		return bad(statusFail, fix, "%s: %v", rundir, err)
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return bad(statusFail, fix, "%s is no directory", rundir)
	case int(st.Uid) != os.Geteuid():
		return bad(statusFail, fix, "%s belongs to user %d", rundir, st.Uid)
	case st.Mode&0o022 != 0:
		return bad(statusFail, "chmod 700 "+rundir, "others may write to %s", rundir)
	case unix.Access(rundir, unix.W_OK|unix.X_OK) != nil:
		return bad(statusFail, fix, "%s is not writable", rundir)
	}
	return ok("%s", rundir)
}

// existing is the nearest directory above a path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == "/" {
			return path
		}
		path = filepath.Dir(path)
	}
}

// wanted is what a session with a handful of maps takes.
const wanted = 16 << 20

func checkSpace() finding {
	rundir, err := runDir()
	if err != nil {
		return bad(statusFail, "", "no run directory")
	}
	dir := existing(rundir)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return bad(statusWarn, "", "%s: %v", dir, err)
	}
	free := st.Bavail * uint64(st.Bsize)
	what := fmt.Sprintf("%s free in %s", megabytes(free), dir)
	if st.Type != unix.TMPFS_MAGIC {
		what += ", which is no tmpfs: the disk may be written to"
	}
	switch {
	case free < abi.SESSION_SIZE:
		return bad(statusFail, "remove old sessions there (bpftime ps), or mount it larger: docker run --shm-size=256m", "%s; a session takes %s and its maps", what, megabytes(abi.SESSION_SIZE))
	case free < wanted:
		return bad(statusWarn, "mount it larger: docker run --shm-size=256m", "%s, enough for small maps only", what)
	case st.Type != unix.TMPFS_MAGIC:
		return bad(statusWarn, "set BPFTIME_RUNDIR to a directory on a tmpfs", "%s", what)
	}
	return ok("%s", what)
}

func megabytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// checkLimits looks at resource limits that forbid what the agent does at the start.
func checkLimits() finding {
	for _, l := range []struct {
		resource int
		flag     string
		least    uint64
	}{
		{unix.RLIMIT_FSIZE, "-f", wanted}, {unix.RLIMIT_AS, "-v", 64 << 20},
	} {
		var r unix.Rlimit
		if unix.Getrlimit(l.resource, &r) == nil && r.Cur < l.least {
			return bad(statusFail, "ulimit "+l.flag+" unlimited", "ulimit %s is %s, %s is needed", l.flag, megabytes(r.Cur), megabytes(l.least))
		}
	}
	return ok("file size and address space suffice")
}

func checkMemfd() finding {
	fd, err := unix.MemfdCreate("bpftime-doctor", unix.MFD_CLOEXEC)
	if err != nil {
		return bad(statusWarn, "allow memfd_create in the seccomp filter", "memfd_create: %v", err)
	}
	unix.Close(fd)
	return ok("works")
}

// checkSelfMem writes a byte of our own code over itself, as the agent writes its
// patches. There is a second method, so it is no failure when this one is forbidden.
func checkSelfMem() finding {
	const fix = "mount /proc, and allow it in the security profile; patches are moved over with mremap instead"
	f, err := os.OpenFile("/proc/self/mem", os.O_RDWR, 0)
	if err != nil {
		return bad(statusWarn, fix, "%v", err)
	}
	defer f.Close()
	at := int64(reflect.ValueOf(checkSelfMem).Pointer())
	b := make([]byte, 1)
	if _, err = f.ReadAt(b, at); err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err != nil {
		return bad(statusWarn, fix, "code cannot be written: %v", err)
	}
	return ok("writes code")
}

func checkSeccomp() finding {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return bad(statusWarn, "mount /proc", "%v", err)
	}
	for line := range strings.Lines(string(b)) {
		if mode, found := strings.CutPrefix(line, "Seccomp:"); found && strings.TrimSpace(mode) != "0" {
			return bad(statusWarn, "if the test below fails, see the session's log for the system call", "a seccomp filter is active (mode %s)", strings.TrimSpace(mode))
		}
	}
	return ok("no filter")
}

// checkPtrace is about attaching to running programs only.
func checkPtrace() finding {
	b, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	if err != nil {
		return ok("not restricted by Yama")
	}
	scope, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	const fix = "sysctl kernel.yama.ptrace_scope=0, or attach as root; bpftime run needs none of it"
	switch {
	case scope == 0:
		return ok("own processes may be attached to (ptrace_scope 0)")
	case scope < 3 && os.Geteuid() == 0:
		return ok("root may attach (ptrace_scope %d)", scope)
	case scope == 3:
		return bad(statusWarn, "only a reboot changes it; bpftime run needs none of it", "nobody may attach to running programs (ptrace_scope 3)")
	}
	return bad(statusWarn, fix, "running programs cannot be attached to (ptrace_scope %d)", scope)
}

// checkKernelBPF only informs: nothing here needs it.
func checkKernelBPF() finding {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return ok("not usable by this user (%v); bpftime does not need it", errno)
	}
	if err != nil {
		return ok("not usable (%v); bpftime does not need it", err)
	}
	m.Close()
	return ok("usable; bpftime does not need it")
}
