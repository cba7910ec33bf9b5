package segment

import (
	"crypto/rand"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// prefix of the labels: what /proc shows of a segment.
const prefix = "pathline-"

func newLabel() (string, error) { return prefix + rand.Text(), nil }

// create makes a sealed anonymous file and maps it. What the maker writes
// nobody else may map to write.
func create(label string, bytes int, write bool) (*Segment, error) {
	fd, err := unix.MemfdCreate(label, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	f := os.NewFile(uintptr(fd), label)
	b, err := shape(fd, bytes, write)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("segment: %w", err)
	}
	return mapped(b, f), nil
}

func shape(fd, bytes int, write bool) ([]byte, error) {
	if err := unix.Ftruncate(fd, int64(bytes)); err != nil {
		return nil, err
	}
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	b, err := unix.Mmap(fd, 0, bytes, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	if write {
		// Kernels before 5.1 do not have this seal.
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
		_ = unix.Munmap(b)
		return nil, err
	}
	return b, nil
}

// nameOf is how another process of the same user opens the file.
func nameOf(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// open maps a segment of another process, once it has been seen to be that and
// sealed.
func open(name, label string, bytes int, write bool) (*Segment, error) {
	flags, prot := os.O_RDONLY, unix.PROT_READ
	if write {
		flags, prot = os.O_RDWR, prot|unix.PROT_WRITE
	}
	if link, err := os.Readlink(name); err != nil || link != "/memfd:"+label+" (deleted)" {
		return nil, errOther
	}
	f, err := os.OpenFile(name, flags, 0)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	defer f.Close()
	const sealed = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	if seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0); err != nil || seals&sealed != sealed {
		return nil, errOther
	}
	if i, err := f.Stat(); err != nil || i.Size() != int64(bytes) {
		return nil, errOther
	}
	b, err := unix.Mmap(int(f.Fd()), 0, bytes, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("segment: %w", err)
	}
	return mapped(b, nil), nil
}

func unmap(b []byte) { _ = unix.Munmap(b) }
