package maps_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bpftime-go/bpftime/maps"
)

// makeAndPrint is what the processes of TestNoRoom do: it makes two maps, of which
// the file system has room for the first.
func makeAndPrint(dir string) {
	for i, s := range []maps.Spec{counters, {Type: maps.PercpuArray, KeySize: 4, ValueSize: 8, MaxEntries: 100}} {
		path := filepath.Join(dir, fmt.Sprint("map", i))
		err := maps.Make(path, s)
		if err == nil {
			var m *maps.Map
			if m, err = maps.Open(path); err == nil {
				m.Sum(0) // touches every page: SIGBUS where one has no room
				err = m.Close()
			}
		}
		fmt.Printf("%d: %s\n", i, strings.ReplaceAll(fmt.Sprint(err), path, "PATH"))
	}
	files, _ := os.ReadDir(dir)
	fmt.Println(len(files), "files")
}

// TestNoRoom: on a full tmpfs, and beyond RLIMIT_FSIZE, there is an error that
// names file and size, no file is left, and nobody is killed.
func TestNoRoom(t *testing.T) {
	switch os.Getenv("MAPS_TEST_ROOM") {
	case "tmpfs":
		dir := os.Getenv("MAPS_TEST_DIR")
		if err := unix.Mount("test", dir, "tmpfs", 0, "size=64k,mode=700"); err != nil {
			fmt.Println("mount:", err)
			os.Exit(0)
		}
		makeAndPrint(dir)
		os.Exit(0)
	case "limit":
		makeAndPrint(os.Getenv("MAPS_TEST_DIR"))
		os.Exit(0)
	}
	const refusedSize = 4096 + 832*512 // 100 values of 8 bytes, in whole cache lines
	want := func(why string) string {
		return fmt.Sprintf("0: <nil>\n1: maps: PATH: reserving %d bytes: %s\n1 files\n", refusedSize, why)
	}
	t.Run("limit", func(t *testing.T) {
		cmd := exec.Command("sh", "-c", `ulimit -f 128 && exec "$0" -test.run '^TestNoRoom$'`, os.Args[0])
		if got := roomChild(t, cmd, "limit"); got != want("file too large") {
			t.Errorf("it said\n%swant\n%s", got, want("file too large"))
		}
	})
	t.Run("tmpfs", func(t *testing.T) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestNoRoom$")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
		got := roomChild(t, cmd, "tmpfs")
		if strings.HasPrefix(got, "no namespace: ") || strings.HasPrefix(got, "mount: ") {
			t.Logf("only the limit was tested: %s", got)
			return
		}
		if got != want("no space left on device") {
			t.Errorf("it said\n%swant\n%s", got, want("no space left on device"))
		}
	})
}

func roomChild(t *testing.T, cmd *exec.Cmd, how string) string {
	t.Helper()
	cmd.Env = append(os.Environ(), "MAPS_TEST_ROOM="+how, "MAPS_TEST_DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		return fmt.Sprintf("no namespace: %v\n", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// TestInterrupted: a signal while blocks are reserved is no error.
func TestInterrupted(t *testing.T) {
	if dir := os.Getenv("MAPS_TEST_DIR"); dir != "" {
		fmt.Println(maps.Make(filepath.Join(dir, "m"), counters))
		os.Exit(0)
	}
	log := filepath.Join(t.TempDir(), "calls")
	cmd := exec.Command("strace", "-f", "-o", log, "-e", "trace=fallocate", "-e", "inject=fallocate:error=EINTR:when=1..3",
		os.Args[0], "-test.run", "^TestInterrupted$")
	if got := roomChild(t, cmd, ""); got != "<nil>\n" {
		t.Errorf("it said %s", got)
	}
	if calls, err := os.ReadFile(log); err != nil || strings.Count(string(calls), "EINTR") < 3 {
		t.Errorf("%v; calls:\n%s", err, calls)
	}
}
