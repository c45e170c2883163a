"""The message classes of TensorFlow Serving's protocol, under its names."""

from __future__ import annotations

from headrace.proto.messages import message

ModelSpec = message("tensorflow.serving.ModelSpec")
ExampleList = message("tensorflow.serving.ExampleList")
ExampleListWithContext = message("tensorflow.serving.ExampleListWithContext")
Input = message("tensorflow.serving.Input")

ClassificationRequest = message("tensorflow.serving.ClassificationRequest")
ClassificationResponse = message("tensorflow.serving.ClassificationResponse")
ClassificationResult = message("tensorflow.serving.ClassificationResult")
RegressionRequest = message("tensorflow.serving.RegressionRequest")
RegressionResponse = message("tensorflow.serving.RegressionResponse")
RegressionResult = message("tensorflow.serving.RegressionResult")
InferenceResult = message("tensorflow.serving.InferenceResult")
InferenceTask = message("tensorflow.serving.InferenceTask")
MultiInferenceRequest = message("tensorflow.serving.MultiInferenceRequest")
MultiInferenceResponse = message("tensorflow.serving.MultiInferenceResponse")
PredictRequest = message("tensorflow.serving.PredictRequest")
PredictResponse = message("tensorflow.serving.PredictResponse")
GetModelMetadataRequest = message("tensorflow.serving.GetModelMetadataRequest")
GetModelMetadataResponse = message("tensorflow.serving.GetModelMetadataResponse")
SignatureDefMap = message("tensorflow.serving.SignatureDefMap")

LogMetadata = message("tensorflow.serving.LogMetadata")
PredictionLog = message("tensorflow.serving.PredictionLog")

ModelConfig = message("tensorflow.serving.ModelConfig")
ModelConfigList = message("tensorflow.serving.ModelConfigList")
ModelServerConfig = message("tensorflow.serving.ModelServerConfig")
MonitoringConfig = message("tensorflow.serving.MonitoringConfig")
SSLConfig = message("tensorflow.serving.SSLConfig")
PlatformConfigMap = message("tensorflow.serving.PlatformConfigMap")
SavedModelBundleSourceAdapterConfig = message("tensorflow.serving.SavedModelBundleSourceAdapterConfig")
BatchingParameters = message("tensorflow.serving.BatchingParameters")

StatusProto = message("tensorflow.serving.StatusProto")
GetModelStatusRequest = message("tensorflow.serving.GetModelStatusRequest")
GetModelStatusResponse = message("tensorflow.serving.GetModelStatusResponse")
ModelVersionStatus = message("tensorflow.serving.ModelVersionStatus")
ReloadConfigRequest = message("tensorflow.serving.ReloadConfigRequest")
ReloadConfigResponse = message("tensorflow.serving.ReloadConfigResponse")
