package syscalls_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/internal/syscalls"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name, unistd, event string
		number              int
	}{
		{"openat", "openat", "openat", unix.SYS_OPENAT},
		{"fstat", "fstat", "newfstat", unix.SYS_FSTAT},
		{"newfstat", "fstat", "newfstat", unix.SYS_FSTAT},
		{"newfstatat", "newfstatat", "newfstatat", unix.SYS_NEWFSTATAT},
		{"stat", "stat", "newstat", unix.SYS_STAT},
		{"lstat", "lstat", "newlstat", unix.SYS_LSTAT},
		{"uname", "uname", "newuname", unix.SYS_UNAME},
		{"umount", "umount2", "umount", unix.SYS_UMOUNT2},
		{"sendfile64", "sendfile", "sendfile64", unix.SYS_SENDFILE},
		{"finit_module", "finit_module", "finit_module", unix.SYS_FINIT_MODULE},
		{"file_setattr", "file_setattr", "file_setattr", 469},
	} {
		got, ok := syscalls.ByName(c.name)
		if !ok || got.Name != c.unistd || got.Event != c.event || got.Number != c.number {
			t.Errorf("%s: %v %v", c.name, got, ok)
		}
		if again, ok := syscalls.ByNumber(c.number); !ok || again.Name != got.Name {
			t.Errorf("%d: %v", c.number, again)
		}
	}
	for _, name := range []string{"", "opnat", "sys_openat", "syscall_9"} {
		if c, ok := syscalls.ByName(name); ok {
			t.Errorf("%q is call %v", name, c)
		}
	}
	if got := syscalls.NameOf(9999) + syscalls.NameOf(0); got != "syscall_9999read" {
		t.Error(got)
	}
	if names := syscalls.Names(); slices.Contains(names, "tuxcall") || !slices.Contains(names, "fstat") || !slices.Contains(names, "newfstat") {
		t.Error(names)
	}
}

// TestNumbers: the table is what Go's own, made from the kernel's headers, says of each.
func TestNumbers(t *testing.T) {
	for name, n := range map[string]int{"read": syscall.SYS_READ, "execve": syscall.SYS_EXECVE, "openat2": unix.SYS_OPENAT2, "clone3": unix.SYS_CLONE3,
		"futex_waitv": unix.SYS_FUTEX_WAITV, "cachestat": unix.SYS_CACHESTAT, "mseal": unix.SYS_MSEAL, "lsm_list_modules": unix.SYS_LSM_LIST_MODULES,
		"map_shadow_stack": unix.SYS_MAP_SHADOW_STACK, "statmount": unix.SYS_STATMOUNT, "removexattrat": unix.SYS_REMOVEXATTRAT,
		"open_tree_attr": unix.SYS_OPEN_TREE_ATTR} {
		if c, ok := syscalls.ByName(name); !ok || c.Number != n {
			t.Errorf("%s: %v, want %d", name, c, n)
		}
	}
	for i, c := range syscalls.All() {
		if i > 0 && c.Number <= syscalls.All()[i-1].Number {
			t.Errorf("%s is out of order", c.Name)
		}
		if n := len(c.Args()); n > syscalls.MaxArgs || c.Event == "" && n > 0 {
			t.Errorf("%s has %d arguments", c.Name, n)
		}
	}
}

func TestFormat(t *testing.T) {
	c, _ := syscalls.ByName("openat")
	const common = "format:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" +
		"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" +
		"\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n" +
		"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n" +
		"\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n"
	const enter = "name: sys_enter_openat\nID: 517\n" + common +
		"\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n" +
		"\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n" +
		"\tfield:int flags;\toffset:32;\tsize:8;\tsigned:0;\n" +
		"\tfield:umode_t mode;\toffset:40;\tsize:8;\tsigned:0;\n\n" +
		`print fmt: "dfd: 0x%08lx, filename: 0x%08lx, flags: 0x%08lx, mode: 0x%08lx", ((unsigned long)(REC->dfd)), ` +
		"((unsigned long)(REC->filename)), ((unsigned long)(REC->flags)), ((unsigned long)(REC->mode))\n"
	const exit = "name: sys_exit_openat\nID: 516\n" + common + "\tfield:long ret;\toffset:16;\tsize:8;\tsigned:1;\n\nprint fmt: \"0x%lx\", REC->ret\n"
	if got := c.Format(false); got != enter {
		t.Errorf("got\n%swant\n%s", got, enter)
	}
	if got := c.Format(true); got != exit {
		t.Errorf("got\n%swant\n%s", got, exit)
	}
}

// TestKernel compares every format with what the kernel says, its own number apart.
func TestKernel(t *testing.T) {
	events := tracefs(t)
	dirs, _ := filepath.Glob(filepath.Join(events, "syscalls", "sys_e*"))
	if len(dirs) < 600 {
		t.Fatalf("%d tracepoints", len(dirs))
	}
	id := regexp.MustCompile(`(?m)^ID: \d+$`)
	for _, dir := range dirs {
		exit := strings.HasPrefix(filepath.Base(dir), "sys_exit_")
		name := strings.TrimPrefix(strings.TrimPrefix(filepath.Base(dir), "sys_exit_"), "sys_enter_")
		c, ok := syscalls.ByName(name)
		if !ok || c.Event != name {
			t.Errorf("%s: it is not in the table", dir)
			continue
		}
		want, err := os.ReadFile(filepath.Join(dir, "format"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Format(exit); id.ReplaceAllString(got, "") != id.ReplaceAllString(string(want), "") {
			t.Errorf("%s: got\n%swant\n%s", dir, got, want)
		}
	}
}

// tracefs is where the kernel's tracepoints are, mounted for this process alone if nobody has: a copy is enough. The
// arguments are those of Linux 6.18; other kernels have other names for a few.
func tracefs(t *testing.T) string {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil || !strings.HasPrefix(unix.ByteSliceToString(u.Release[:]), "6.18.") {
		t.Skip("the table is of Linux 6.18, this is another one")
	}
	if _, err := os.ReadFile("/sys/kernel/tracing/events/syscalls/sys_enter_openat/format"); err == nil {
		return "/sys/kernel/tracing/events"
	}
	dir := t.TempDir()
	script := `mount -t tracefs none /sys/kernel/tracing && cd /sys/kernel/tracing/events && ` +
		`for f in syscalls/sys_e*/format; do mkdir -p "$0/${f%/*}" && cat $f >"$0/$f" || exit 1; done`
	if out, err := exec.Command("unshare", "-m", "sh", "-c", script, dir).CombinedOutput(); err != nil {
		t.Skipf("no tracefs: it takes root and a kernel that has it: %v %s", err, out)
	}
	return dir
}
