package host

import (
	"os"
	"syscall"
	"testing"
)

// User is who a program runs as. The nil User is the user of the test.
type User struct {
	UID, GID uint32
}

// Nobody owns nothing and belongs to no other group.
var Nobody = &User{UID: 65534, GID: 65534}

func (u *User) credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID}
}

// own gives a file or directory to the user.
func (u *User) own(t testing.TB, path string) {
	t.Helper()
	if u == nil {
		return
	}
	if err := os.Lchown(path, int(u.UID), int(u.GID)); err != nil {
		t.Fatal(err)
	}
}

// ForUsers runs f as a subtest for each user a test is worth running as: root and nobody, or only the caller when
// the test itself is not root.
func ForUsers(t *testing.T, f func(t *testing.T, u *User)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Run("user", func(t *testing.T) { f(t, nil) })
		return
	}
	t.Run("root", func(t *testing.T) { f(t, nil) })
	t.Run("nobody", func(t *testing.T) { f(t, Nobody) })
}
