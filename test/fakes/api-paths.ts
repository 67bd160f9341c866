/** Where the API server has what the agent asks it for, in the namespaces that the settings name by default. */

export const KUSTOMIZATION = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/runtime-agent";
export const REPOSITORY = "/apis/source.toolkit.fluxcd.io/v1/namespaces/flux-system/gitrepositories/clusters";
export const ARGO = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/runtime-agent";
export const REVISION = "/api/v1/namespaces/kyma-system/configmaps/runtime-agent-revision";
export const APPLICATIONS = "/apis/applicationconnector.kyma-project.io/v1alpha1/applications";
export const SEALED = "/apis/bitnami.com/v1alpha1/namespaces/kyma-system/sealedsecrets";
