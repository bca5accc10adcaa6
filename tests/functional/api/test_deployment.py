"""What an operator can configure about the API."""

from tests.functional.service import Service


def test_pages_are_as_long_as_configured(service: Service) -> None:
    service.reconfigure(api={"default_limit": "2", "max_limit": "3"})
    for number in range(5):
        service.create(name=f"s{number}")

    def names(query: str) -> tuple[int, bool]:
        found = service.request("GET", f"/v1/sets{query}", token="u:p1:reader")
        return len(found.json["sets"]), "sets_links" in found.json

    assert names("") == (2, True)
    assert names("?limit=1") == (1, True)
    assert names("?limit=3") == (3, True)
    assert names("?limit=100") == (3, True)


def test_links_name_the_public_url(service: Service) -> None:
    service.reconfigure(api={"public_url": "https://caas.example/api/"})
    [made] = service.create()
    [link] = made["links"]
    assert link["href"] == f"https://caas.example/api/v1/sets/{made['id']}"


def test_links_follow_a_proxy_that_is_trusted(service: Service) -> None:
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "caas.example",
    }

    def href() -> str:
        answer = service.request("GET", "/", headers=headers)
        return str(answer.json["versions"][0]["links"][0]["href"])

    assert href() == "http://localhost/v1/"
    service.reconfigure(
        oslo_middleware={"enable_proxy_headers_parsing": "true"}
    )
    assert href() == "https://caas.example/v1/"


def test_dashboards_of_another_origin(service: Service) -> None:
    service.reconfigure(cors={"allowed_origin": "https://horizon.example"})
    headers = {
        "Origin": "https://horizon.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "X-Auth-Token",
    }
    answer = service.request(
        "OPTIONS", "/v1/sets", token=None, headers=headers
    )
    assert answer.status_int == 200
    allowed = answer.headers["Access-Control-Allow-Origin"]
    assert allowed == "https://horizon.example"
    headers["Origin"] = "https://other.example"
    answer = service.request(
        "OPTIONS", "/v1/sets", token=None, headers=headers
    )
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_bodies_are_as_long_as_configured(service: Service) -> None:
    service.reconfigure(oslo_middleware={"max_request_body_size": "10"})
    answer = service.request("POST", "/v1/sets", b"{" + b" " * 20 + b"}")
    assert answer.status_int == 413


def test_defaults_of_quotas(service: Service) -> None:
    service.reconfigure(quota={"sets": "0", "millicpus": "2500"})
    answer = service.request("GET", "/v1/quotas/new")
    limits = answer.json["quota"]["resources"]
    assert limits["sets"]["limit"] == 0
    assert limits["vcpus"]["limit"] == 2.5
