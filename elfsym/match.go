package elfsym

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Match reports whether path, the PATH of an attach specification, means m:
//
//   - /proc/self/exe is the main program;
//   - another path with a slash is that file: by its name in the maps, or
//     because it leads to the same inode, through symbolic links or not (it is
//     looked at in the caller's mount namespace);
//   - a bare name is equal to the file's base name or to its DT_SONAME
//     (libc.so.6), or it is a stem: what the base name or the DT_SONAME has
//     before .so, before -DIGIT or before .musl- (libc for libc.so.6,
//     libc-2.31.so and libc.musl-x86_64.so.1).
func (m *Module) Match(path string) bool {
	if path == "/proc/self/exe" {
		return m.Main
	}
	if strings.Contains(path, "/") {
		return path == m.Path || m.isFile(path)
	}
	base := filepath.Base(m.Path)
	if nameMatches(base, path) {
		return true
	}
	return m.File != nil && nameMatches(m.File.Soname(), path)
}

// isFile reports whether path leads to the file that is mapped.
func (m *Module) isFile(path string) bool {
	fi, err := os.Stat(path)
	if err != nil || len(m.Mappings) == 0 {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || st.Ino != m.Mappings[0].Inode {
		return false
	}
	return m.File == nil || m.File.inode == 0 || m.File.dev == st.Dev
}

// nameMatches reports whether want is name or its stem.
func nameMatches(name, want string) bool {
	rest, ok := strings.CutPrefix(name, want)
	if !ok || want == "" {
		return false
	}
	switch {
	case rest == "", rest == ".so", strings.HasPrefix(rest, ".so."), strings.HasPrefix(rest, ".musl-"):
		return true
	}
	return len(rest) > 1 && rest[0] == '-' && '0' <= rest[1] && rest[1] <= '9'
}
