package launch

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxScripts is how deep interpreters may be scripts themselves; the kernel allows as
// many (BINPRM_MAX_RECURSION in fs/exec.c).
const maxScripts = 5

// Obstacle says why LD_PRELOAD does not reach the program in the file, and what would.
// It is empty where nothing speaks against it.
func Obstacle(file string) string {
	for range maxScripts {
		interpreter := script(file)
		if interpreter == "" {
			break
		}
		file = interpreter
	}
	if why := privileged(file); why != "" {
		return why
	}
	return format(file)
}

// script is the interpreter that the first line of a script names.
func script(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 256).ReadSlice('\n') // the kernel reads as much
	if err != nil && len(line) == 0 {
		return ""
	}
	rest, ok := bytes.CutPrefix(line, []byte("#!"))
	if !ok {
		return ""
	}
	fields := strings.Fields(string(rest))
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

// privileged tells whether execve will make the process one that must not trust its
// environment (AT_SECURE), in which the dynamic linker takes no paths from LD_PRELOAD.
func privileged(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return ""
	}
	st := info.Sys().(*syscall.Stat_t)
	const help = ": the dynamic linker ignores LD_PRELOAD there; run it as its owner, so that it gains nothing"
	switch {
	case st.Mode&unix.S_ISUID != 0 && int(st.Uid) != os.Getuid():
		return fmt.Sprintf("%s is set-user-ID (user %d)%s", file, st.Uid, help)
	case st.Mode&unix.S_ISGID != 0 && st.Mode&unix.S_IXGRP != 0 && int(st.Gid) != os.Getgid():
		return fmt.Sprintf("%s is set-group-ID (group %d)%s", file, st.Gid, help)
	}
	if n, err := unix.Getxattr(file, "security.capability", nil); err == nil && n > 0 && os.Getuid() != 0 {
		return fmt.Sprintf("%s has file capabilities%s", file, help)
	}
	return ""
}

func format(file string) string {
	f, err := elf.Open(file)
	if err != nil { // a script without #!, or a format of binfmt_misc: not ours to judge
		return ""
	}
	defer f.Close()
	switch {
	case f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64:
		return fmt.Sprintf("%s is a %v program for %v: the agent is 64-bit x86-64 and is not loaded there", file, f.Class, f.Machine)
	case !dynamic(f):
		return fmt.Sprintf("%s is statically linked: no dynamic linker runs that would load the agent; programs it starts are traced if they are dynamic", file)
	}
	return ""
}

// dynamic holds for what names a dynamic linker, and for a dynamic linker: a library
// that is run itself.
func dynamic(f *elf.File) bool {
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return true
		}
	}
	name, err := f.DynString(elf.DT_SONAME)
	return err == nil && len(name) > 0
}
