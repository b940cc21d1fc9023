from monitor.alerts.routes import Routes
from monitor.stories.ids import ReceiverName
from tests.build import a_route, a_rule

METALS, LAW = ReceiverName("metals"), ReceiverName("law")
ROUTES = Routes(
    receivers={
        METALS: (a_route("C0A"), a_route("desk@news.example", "email")),
        LAW: (a_route("C0A"), a_route("C0B")),
    },
    default=(METALS,),
)


def test_a_rule_without_to_goes_to_the_default_receivers():
    assert [r.key for r in ROUTES.of([a_rule()])] == ["slack:C0A", "email:desk@news.example"]


def test_each_address_is_told_once_however_many_rules_name_it():
    found = ROUTES.of([a_rule(to=(METALS,)), a_rule("Courts", to=(LAW,))], also=(LAW,))
    assert [r.key for r in found] == ["slack:C0A", "email:desk@news.example", "slack:C0B"]


def test_the_receivers_of_a_feed_are_told_as_well():
    assert "slack:C0B" in [r.key for r in ROUTES.of([a_rule()], also=(LAW,))]
