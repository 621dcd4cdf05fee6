package directories

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	core "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func options(name string) controller.ProvisionOptions {
	policy := core.PersistentVolumeReclaimDelete
	return controller.ProvisionOptions{
		PVName: name, PVC: &core.PersistentVolumeClaim{}, StorageClass: &storage.StorageClass{ReclaimPolicy: &policy},
	}
}

func TestAVolumeIsADirectoryThatEverybodyCanWrite(t *testing.T) {
	p := provisioner{t.TempDir()}
	volume, _, err := p.Provision(context.Background(), options("pvc-1"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := os.Stat(volume.Spec.HostPath.Path)
	if err != nil || found.Mode() != os.ModeDir|0o777 {
		t.Fatalf("mode is %v, error is %v", found.Mode(), err)
	}
}

func TestADeletedVolumeTakesItsContentAlong(t *testing.T) {
	p := provisioner{t.TempDir()}
	volume, _, _ := p.Provision(context.Background(), options("pvc-1"))
	volume.Name = "pvc-1"
	if err := os.WriteFile(filepath.Join(volume.Spec.HostPath.Path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Delete(context.Background(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(volume.Spec.HostPath.Path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the directory is still there: %v", err)
	}
}

func TestAVolumeThatNamesAnotherFolderIsLeftAlone(t *testing.T) {
	p, victim := provisioner{t.TempDir()}, t.TempDir()
	volume := &core.PersistentVolume{ObjectMeta: meta.ObjectMeta{Name: "pvc-1"}}
	volume.Spec.HostPath = &core.HostPathVolumeSource{Path: victim}
	var ignored *controller.IgnoredError
	if err := p.Delete(context.Background(), volume); !errors.As(err, &ignored) {
		t.Fatalf("not ignored: %v", err)
	}
	if _, err := os.Stat(victim); err != nil {
		t.Fatal("the folder is gone")
	}
}
