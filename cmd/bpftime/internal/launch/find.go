package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Exit codes of env(1) and the shells.
const (
	CodeNotExecutable = 126
	CodeNotFound      = 127
)

// Error is why a program cannot be started.
type Error struct {
	Code int // CodeNotExecutable or CodeNotFound
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// defaultPath is where execvp of glibc looks when PATH is not set.
const defaultPath = "/bin:/usr/bin"

// Find returns the path of a program as execvp(3) would choose it: a name with a slash
// is a path, others are looked for in path.
func Find(name, path string) (string, error) {
	if name == "" {
		return "", &Error{CodeNotFound, errors.New("the program's name is empty")}
	}
	if strings.Contains(name, "/") {
		return name, runnable(name)
	}
	if path == "" {
		path = defaultPath
	}
	var forbidden error
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if dir == "" {
			file = "./" + name
		}
		err := runnable(file)
		if err == nil {
			return file, nil
		}
		if e := (*Error)(nil); errors.As(err, &e) && e.Code == CodeNotExecutable && forbidden == nil {
			forbidden = err
		}
	}
	if forbidden != nil {
		return "", forbidden
	}
	return "", &Error{CodeNotFound, fmt.Errorf("%s: not found in PATH (%s)", name, path)}
}

// runnable says why execve would refuse the file, as far as it can be seen.
func runnable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR):
		return &Error{CodeNotFound, fmt.Errorf("%s: no such file", file)}
	case err != nil:
		return &Error{CodeNotExecutable, err}
	case info.IsDir():
		return &Error{CodeNotExecutable, fmt.Errorf("%s: is a directory", file)}
	case unix.Access(file, unix.X_OK) != nil:
		return &Error{CodeNotExecutable, fmt.Errorf("%s: permission denied: it is not executable (chmod +x)", file)}
	}
	return nil
}
