package binding

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"go.k6.io/k6/v2/js/common"
	"go.k6.io/k6/v2/lib/fsext"

	"xk6-realtime/users"
)

// userTable is a file of users as a script holds it.
type userTable struct {
	Columns []string                 `js:"columns"`
	Length  int                      `js:"length"`
	Row     func(index int) []string `js:"row"`

	users *users.Users
}

// userFiles are the files that the process has read: each once, for all its virtual users.
type userFiles struct {
	mu   sync.Mutex
	read map[string]*userTable
}

// readUsers reads a file of users, unless a virtual user of the process has.
func (i *instance) readUsers(path string, reserved []string) *userTable {
	if i.vu.State() != nil {
		common.Throw(i.vu.Runtime(), common.NewInitContextError("readUsers: expected to be called in the init context"))
	}
	table, err := i.process.files.of(i.vu.InitEnv().FileSystems["file"], path, reserved)
	if err != nil {
		common.Throw(i.vu.Runtime(), err)
	}
	return table
}

func (f *userFiles) of(files fsext.Fs, path string, reserved []string) (*userTable, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if table := f.read[path]; table != nil {
		return table, nil
	}
	file, err := openUsers(files, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("open %s: is a directory", path)
	}
	read, err := users.Read(file, info.Size(), reserved)
	if err != nil {
		return nil, err
	}
	table := &userTable{Columns: read.Columns(), Length: read.Len(), Row: read.Row, users: read}
	if f.read == nil {
		f.read = map[string]*userTable{}
	}
	f.read[path] = table
	return table, nil
}

type diskFile interface {
	io.ReadCloser
	Stat() (fs.FileInfo, error)
}

// openUsers opens a file past k6, which would keep a second copy of it for an
// archive, unless an archive is being made or is what runs.
func openUsers(files fsext.Fs, path string) (diskFile, error) {
	if _, isDisk := files.(fsext.CacheLayerGetter); isDisk && !makesArchive(os.Args) {
		return os.Open(path)
	}
	return files.Open(path)
}

// makesArchive tells whether a command line is of a command that packs what
// scripts open.
func makesArchive(args []string) bool {
	for _, arg := range args[1:] {
		if arg == "archive" || arg == "cloud" {
			return true
		}
	}
	return false
}
