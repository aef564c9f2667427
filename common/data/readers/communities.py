"""Communities and Crime: 1,994 communities, 128 columns scaled to [0, 1] (Redmond, 2009).

"?" is a missing value. There is no official split; the column "fold" numbers ten folds, of which the last two are
the test part here.
"""

import numpy as np
import pandas as pd

from common.data.errors import DataError
from common.data.fetch import Located
from common.data.splits import Splits

COLUMNS = tuple(
    """state county community communityname fold population householdsize racepctblack racePctWhite
    racePctAsian racePctHisp agePct12t21 agePct12t29 agePct16t24 agePct65up numbUrban pctUrban
    medIncome pctWWage pctWFarmSelf pctWInvInc pctWSocSec pctWPubAsst pctWRetire medFamInc perCapInc
    whitePerCap blackPerCap indianPerCap AsianPerCap OtherPerCap HispPerCap NumUnderPov
    PctPopUnderPov PctLess9thGrade PctNotHSGrad PctBSorMore PctUnemployed PctEmploy PctEmplManu
    PctEmplProfServ PctOccupManu PctOccupMgmtProf MalePctDivorce MalePctNevMarr FemalePctDiv
    TotalPctDiv PersPerFam PctFam2Par PctKids2Par PctYoungKids2Par PctTeen2Par PctWorkMomYoungKids
    PctWorkMom NumIlleg PctIlleg NumImmig PctImmigRecent PctImmigRec5 PctImmigRec8 PctImmigRec10
    PctRecentImmig PctRecImmig5 PctRecImmig8 PctRecImmig10 PctSpeakEnglOnly PctNotSpeakEnglWell
    PctLargHouseFam PctLargHouseOccup PersPerOccupHous PersPerOwnOccHous PersPerRentOccHous
    PctPersOwnOccup PctPersDenseHous PctHousLess3BR MedNumBR HousVacant PctHousOccup PctHousOwnOcc
    PctVacantBoarded PctVacMore6Mos MedYrHousBuilt PctHousNoPhone PctWOFullPlumb OwnOccLowQuart
    OwnOccMedVal OwnOccHiQuart RentLowQ RentMedian RentHighQ MedRent MedRentPctHousInc
    MedOwnCostPctInc MedOwnCostPctIncNoMtg NumInShelters NumStreet PctForeignBorn PctBornSameState
    PctSameHouse85 PctSameCity85 PctSameState85 LemasSwornFT LemasSwFTPerPop LemasSwFTFieldOps
    LemasSwFTFieldPerPop LemasTotalReq LemasTotReqPerPop PolicReqPerOffic PolicPerPop
    RacialMatchCommPol PctPolicWhite PctPolicBlack PctPolicHisp PctPolicAsian PctPolicMinor
    OfficAssgnDrugUnits NumKindsDrugsSeiz PolicAveOTWorked LandArea PopDens PctUsePubTrans PolicCars
    PolicOperBudg LemasPctPolicOnPatr LemasGangUnitDeploy LemasPctOfficDrugUn PolicBudgPerPop
    ViolentCrimesPerPop""".split()  # noqa: SIM905 - one name a line would fill pages
)
TARGET = "ViolentCrimesPerPop"
SENSITIVE = ("racepctblack",)
TEST_FOLDS = (9, 10)


def read(found: Located) -> tuple[pd.DataFrame, Splits]:
    """Return the communities and the split by fold; raises DataError where columns are missing."""
    path = found.files["communities.data"]
    frame = pd.read_csv(path, header=None, na_values="?")
    if frame.shape[1] != len(COLUMNS):
        raise DataError(f"{path}: {frame.shape[1]} columns where {len(COLUMNS)} were expected; fetch it again")
    frame.columns = list(COLUMNS)
    return frame, split_by_fold(frame)


def split_by_fold(frame: pd.DataFrame) -> Splits:
    """Return the last two of the ten folds as test, the others as train."""
    test = frame["fold"].isin(TEST_FOLDS).to_numpy()
    return {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
