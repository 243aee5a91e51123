// Decodes one object of Envoy Gateway, JSON on standard input, into Envoy Gateway's own types. Fails on
// a field that they do not have, or a value of another type.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/envoyproxy/gateway/api/v1alpha1"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := check(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(source io.Reader) error {
	text, err := io.ReadAll(source)
	if err != nil {
		return err
	}
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(text, &head); err != nil {
		return err
	}
	if head.APIVersion != v1alpha1.GroupVersion.String() {
		return errors.New("not of Envoy Gateway: " + head.APIVersion)
	}
	kinds := map[string]any{
		"BackendTrafficPolicy": &v1alpha1.BackendTrafficPolicy{},
		"ClientTrafficPolicy":  &v1alpha1.ClientTrafficPolicy{},
		"EnvoyPatchPolicy":     &v1alpha1.EnvoyPatchPolicy{},
		"SecurityPolicy":       &v1alpha1.SecurityPolicy{},
	}
	object, known := kinds[head.Kind]
	if !known {
		return errors.New("not of a known kind: " + head.Kind)
	}
	return yaml.UnmarshalStrict(text, object)
}
