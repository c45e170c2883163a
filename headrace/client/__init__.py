"""Clients of model servers: Headrace's, and others that speak TensorFlow Serving's REST or gRPC."""

from headrace.client.answers import Metadata as Metadata
from headrace.client.answers import Signature as Signature
from headrace.client.answers import VersionStatus as VersionStatus
from headrace.client.asynchronous import AsyncClient as AsyncClient
from headrace.client.retries import Retries as Retries
from headrace.client.session import Limits as Limits
from headrace.client.synchronous import Client as Client
from headrace.client.tls import Tls as Tls
