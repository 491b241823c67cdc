"""The registry: providers, their offers and workers, and the days on which they are valid."""

from uuid import UUID

from application import commands
from application.projections import providers
from application.views import ProviderFile, ProviderView, Versioned
from interfaces.http import bodies, parameters
from interfaces.http.operations import Asking, Command, Operation, Page, Query
from interfaces.http.policies import CASEWORK, FIGURES, LEADS_AND_OFFICERS, OFFICERS


def list_providers(asking: Asking, wanted: parameters.ProvidersOf) -> Page[ProviderView]:
    return Page(
        *providers.list_providers(
            asking.reader, as_of=wanted.as_of, provider=asking.provider, after=wanted.after, limit=wanted.limit
        )
    )


def get_provider(asking: Asking, wanted: parameters.ProviderAsOf, provider: UUID) -> Versioned[ProviderFile]:
    return providers.versioned_provider(asking.reader, provider, as_of=wanted.as_of, provider=asking.provider)


_REGISTERED = ("register_provider",)

OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/providers",
        policy=FIGURES,
        summary="Eingetragene Träger; ein Träger sieht sich allein",
        note="Jede Eintragung steht für sich: Wer den Namen gewechselt hat, steht mehrmals da.",
        read=list_providers,
        parameters=parameters.ProvidersOf,
        view=ProviderView,
        paged=True,
    ),
    Command(
        path="/providers",
        policy=OFFICERS,
        summary="Träger eintragen",
        note="`provider` ist das Kürzel, unter dem der Träger in Fällen und Anträgen steht; seine Kennung folgt daraus. Was nicht "
        "eingetragen ist, wird so angenommen und gezählt wie alles andere. Ein Tag liegt in höchstens einer Eintragung.",
        decide=commands.register_provider,
        body=bodies.ProviderRegistration,
        view=ProviderFile,
        created=True,
        example={"provider": "traeger-a", "name": "Jugendhilfe Nord e. V.", "valid_from": "2024-01-01"},
        shows={"provider": "traeger-a"},
    ),
    Query(
        path="/providers/{provider}",
        policy=CASEWORK,
        summary="Ein Träger mit seinen Angeboten und Fachkräften",
        read=get_provider,
        parameters=parameters.ProviderAsOf,
        view=ProviderFile,
        given=_REGISTERED,
    ),
    Command(
        path="/providers/{provider}/offers",
        policy=OFFICERS,
        summary="Angebot eines Trägers eintragen",
        decide=commands.register_offer,
        body=bodies.OfferRegistration,
        view=ProviderFile,
        given=_REGISTERED,
        example={"offer": "jugendclub-nord", "valid_from": "2024-01-01", "valid_until": "2049-12-31"},
    ),
    Command(
        path="/providers/{provider}/workers",
        policy=LEADS_AND_OFFICERS,
        summary="Fachkraft eines Trägers eintragen; die Leitung eines Trägers die eigenen",
        note="Unter dem Kürzel, unter dem ihre Termine erfasst werden. Namen und Adressen werden abgewiesen, soweit sie sich durch "
        "Leerzeichen, Komma oder @ verraten.",
        decide=commands.register_worker,
        body=bodies.WorkerRegistration,
        view=ProviderFile,
        given=_REGISTERED,
        example={"worker": "kraft-1", "valid_from": "2024-01-01"},
    ),
    Command(
        path="/providers/{provider}/offers/ending",
        policy=OFFICERS,
        summary="Letzte Eintragung eines Angebots beenden",
        decide=commands.end_offer,
        body=bodies.OfferEnding,
        view=ProviderFile,
        given=(*_REGISTERED, "register_offer"),
        example={"offer": "jugendclub-nord", "valid_until": "2024-12-31"},
    ),
    Command(
        path="/providers/{provider}/workers/ending",
        policy=LEADS_AND_OFFICERS,
        summary="Letzte Eintragung einer Fachkraft beenden; die Leitung eines Trägers die eigenen",
        decide=commands.end_worker,
        body=bodies.WorkerEnding,
        view=ProviderFile,
        given=(*_REGISTERED, "register_worker"),
        example={"worker": "kraft-1", "valid_until": "2024-12-31"},
    ),
    Command(
        path="/providers/{provider}/ending",
        policy=OFFICERS,
        summary="Letzte Eintragung eines Trägers beenden",
        note="`valid_until` ist der letzte Tag; ein Tag vor dem ersten nimmt die Eintragung zurück. Ein Ende wird nur vorverlegt. "
        "Angebote und Fachkräfte behalten ihre Tage.",
        decide=commands.end_provider,
        body=bodies.RegistrationEnding,
        view=ProviderFile,
        given=_REGISTERED,
        example={"valid_until": "2024-12-31"},
    ),
)
