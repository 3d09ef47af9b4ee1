"""What a person does in Dagster's pages, by the API that the pages use."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from connector_assets.assets.servers import ask

_WHERE = """query { repositoriesOrError { ... on RepositoryConnection {
  nodes { name location { name } } } } }"""
_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message } ... on RunConfigValidationInvalid { errors { message } } } }"""
_RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status
  stepStats { stepKey status }
  eventConnection(limit: 1000) { events { __typename
    ... on ExecutionStepFailureEvent { stepKey error { message }
      failureMetadata { metadataEntries { label ... on TextMetadataEntry { text } } } } } } } } }"""
_ASSET = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  groupName description opNames kinds tags { key value } owners { ... on UserAssetOwner { email }
    ... on TeamAssetOwner { team } }
  dependencyKeys { path } isMaterializable
  metadataEntries { label __typename
    ... on TextMetadataEntry { text }
    ... on TableSchemaMetadataEntry { schema { columns { name type } } }
    ... on CodeReferencesMetadataEntry { codeReferences { ... on LocalFileCodeReference {
      filePath lineNumber } } } }
  assetMaterializations(limit: 10) { runId metadataEntries { label
    ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue }
    ... on PathMetadataEntry { path } ... on FloatMetadataEntry { floatValue } } } } } }"""
_NEWS = """query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
  assetObservations(limit: 10) { description metadataEntries { label
    ... on TextMetadataEntry { text } ... on IntMetadataEntry { intValue } } } } } }"""
_CHECKS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name
    executionForLatestMaterialization { evaluation { success description } } } } } } } }"""
_AGAIN = """mutation($params: ReexecutionParams!) { launchRunReexecution(
  reexecutionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message } } }"""
_CANCEL = """mutation($id: String!) { terminateRun(runId: $id) { __typename } }"""
_TICKS = """query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
  ... on Sensor { sensorState { ticks(limit: 500) { skipReason } } } } }"""
ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})


@dataclass(frozen=True, slots=True)
class Instance:
    """A web server with its daemon."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        answer = ask(self.url, query, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def materialize(self, *keys: str) -> str:
        """Start a run of assets and return its id."""
        params = {
            "selector": {
                **self._find_repository(),
                "jobName": "__ASSET_JOB",
                "assetSelection": [{"path": key.split("/")} for key in keys],
            },
            "runConfigData": {},
        }
        launched = self.ask(_LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def again(self, run_id: str) -> str:
        """Execute all of a run again and return the id of the run that does."""
        params = {"parentRunId": run_id, "strategy": "ALL_STEPS"}
        launched = self.ask(_AGAIN, params=params)["launchRunReexecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def skips(self, sensor: str) -> list[str]:
        """Return why the ticks of a sensor started no run, newest first."""
        selector = {**self._find_repository(), "sensorName": sensor}
        found = self.ask(_TICKS, selector=selector)["sensorOrError"]
        return [tick["skipReason"] for tick in found["sensorState"]["ticks"]]

    def _find_repository(self) -> dict[str, str]:
        (where,) = self.ask(_WHERE)["repositoriesOrError"]["nodes"]
        name: str = where["location"]["name"]
        return {"repositoryLocationName": name, "repositoryName": where["name"]}

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(_RUN, id=run_id)["runOrError"]
        return found

    def wait(self, run_id: str, *, seconds: float = 90) -> dict[str, Any]:
        """Wait until a run has ended and return it."""
        deadline = time.monotonic() + seconds
        while (found := self.run(run_id))["status"] not in ENDED:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def cancel(self, run_id: str) -> None:
        self.ask(_CANCEL, id=run_id)

    def asset(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask(_ASSET, key={"path": key.split("/")})["assetNodeOrError"]
        return found

    def observations(self, key: str) -> list[dict[str, Any]]:
        found = self.ask(_NEWS, key={"path": key.split("/")})["assetOrError"]
        told: list[dict[str, Any]] = found["assetObservations"]
        return [metadata(one["metadataEntries"]) for one in told]

    def checks(self, key: str) -> dict[str, bool | None]:
        """Return the last answer to each check of an asset, None where there was none."""
        found = self.ask(_CHECKS, key={"path": key.split("/")})["assetNodeOrError"]
        answers = {}
        for one in found["assetChecksOrError"]["checks"]:
            last = one["executionForLatestMaterialization"]
            # A check that was planned, and whose run failed before it, has none.
            answered = last["evaluation"] if last else None
            answers[one["name"]] = answered["success"] if answered else None
        return answers


def metadata(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return metadata entries by label: each one's only value."""
    return {
        entry["label"]: next(
            (entry[key] for key in entry if key not in ("label", "__typename")), None
        )
        for entry in entries
    }
