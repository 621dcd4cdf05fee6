// Package directories gives every claim a directory of the node, which pods of any user can write.
//
// It runs in the node's network and file system, so a volume is a directory made at once, without a pod that makes it.
// One node only: a claim on a cluster of several would be bound to the node where this runs.
package directories

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	// Name is what a StorageClass names as its provisioner.
	Name = "localkube.local/directory"
	// rootVariable holds the folder of the node that holds the volumes, mounted at the same path.
	rootVariable = "VOLUMES"
	// Every user may write. Without the sticky bit: in a folder that has it the kernel (fs.protected_regular) refuses
	// even root the files of another user, so containers of one pod could not share a volume.
	mode = 0o777
)

// provisioner makes and deletes directories below root.
type provisioner struct{ root string }

// Run serves claims until the process ends.
func Run(ctx context.Context) error {
	root := os.Getenv(rootVariable)
	if !filepath.IsAbs(root) {
		return fmt.Errorf("%s must hold the absolute path of the folder for volumes, not %q", rootVariable, root)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// There is one replica, which is replaced before the next one starts: nothing to elect.
	controller.NewProvisionController(ctx, client, Name, provisioner{root}, controller.LeaderElection(false)).Run(ctx)
	return nil
}

// Provision makes the directory of a claim. Done twice it finds the directory there.
func (p provisioner) Provision(_ context.Context, options controller.ProvisionOptions) (
	*core.PersistentVolume, controller.ProvisioningState, error,
) {
	path := filepath.Join(p.root, options.PVName)
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	// A second step, because the first one is subject to the umask.
	if err := os.Chmod(path, mode); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return volume(path, options), controller.ProvisioningFinished, nil
}

// Delete removes the directory of a volume with all that is in it.
func (p provisioner) Delete(_ context.Context, volume *core.PersistentVolume) error {
	source := volume.Spec.HostPath
	// A volume is an object that users can write: only what Provision itself would have made is deleted.
	if source == nil || source.Path != filepath.Join(p.root, volume.Name) {
		return &controller.IgnoredError{Reason: "the volume is no directory that was made here"}
	}
	return os.RemoveAll(source.Path)
}

func volume(path string, options controller.ProvisionOptions) *core.PersistentVolume {
	kind := core.HostPathDirectory
	spec := core.PersistentVolumeSpec{
		AccessModes:                   options.PVC.Spec.AccessModes,
		Capacity:                      options.PVC.Spec.Resources.Requests,
		PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
		VolumeMode:                    options.PVC.Spec.VolumeMode,
		PersistentVolumeSource: core.PersistentVolumeSource{
			HostPath: &core.HostPathVolumeSource{Path: path, Type: &kind},
		},
	}
	if options.SelectedNodeName != "" {
		spec.NodeAffinity = onNode(options.SelectedNodeName)
	}
	return &core.PersistentVolume{ObjectMeta: meta.ObjectMeta{Name: options.PVName}, Spec: spec}
}

func onNode(name string) *core.VolumeNodeAffinity {
	term := core.NodeSelectorTerm{MatchExpressions: []core.NodeSelectorRequirement{{
		Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{name},
	}}}
	return &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{term}}}
}
