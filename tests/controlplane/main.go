// Command controlplane holds the three parts of a Kubernetes control plane in
// one program, so that Moorage can be tested against the real thing without a
// container, a node or a package that carries an API server:
//
//	controlplane etcd --data-dir …
//	controlplane kube-apiserver --etcd-servers …
//	controlplane kube-controller-manager --kubeconfig …
//	controlplane version
//
// Everything behind the first word is the flags of the part itself; the parts
// are the upstream programs, nothing is changed in them. tests/controlplane/kit.py
// knows which flags make a cluster of them.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/component-base/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
)

func main() {
	// A test cluster is small and shares its cores with the tests themselves:
	// a lower heap target keeps several of them side by side in a few hundred MB.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(75)
	}
	if len(os.Args) < 2 {
		usage()
	}
	if os.Getenv("CONTROLPLANE_FOLLOWS_STDIN") != "" {
		go endWithStdin()
	}
	part, flags := os.Args[1], os.Args[2:]
	// The upstream commands read os.Args themselves.
	os.Args = append([]string{part}, flags...)
	switch part {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		run(apiserver.NewAPIServerCommand())
	case "kube-controller-manager":
		run(controllers.NewControllerManagerCommand())
	case "version":
		fmt.Println(version.Get().GitVersion)
	default:
		usage()
	}
}

// endWithStdin ends the part when whoever started it is gone: the pipe it holds
// open is closed by the kernel even if it was killed and could not clean up.
func endWithStdin() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func run(command *cobra.Command) {
	os.Exit(cli.Run(command))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: controlplane etcd|kube-apiserver|kube-controller-manager|version [flags]")
	os.Exit(2)
}
