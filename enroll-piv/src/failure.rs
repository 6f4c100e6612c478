//! Everything that can end an enrolment early, and its exit code.

use crate::attested_key::KeyError;
use crate::choice::ChoiceError;
use crate::factory::FactoryError;
use crate::management_key::ManagementKeyError;
use crate::pin::PinError;
use crate::readers::ReadersError;
use crate::report::ReportError;
use crate::slot::SlotError;
use std::process::ExitCode;
use thiserror::Error;

/// Why there is no enrolment, by the step that ended it.
#[derive(Debug, Error)]
#[error(transparent)]
pub(crate) enum Failure {
    Readers(#[from] ReadersError),
    Factory(#[from] FactoryError),
    Pin(#[from] PinError),
    Slot(#[from] SlotError),
    ManagementKey(#[from] ManagementKeyError),
    Key(#[from] KeyError),
    Report(#[from] ReportError),
}

impl Failure {
    const REFUSED: u8 = 1;
    const USAGE: u8 = 2;
    pub(crate) const COULD_NOT: u8 = 3;

    /// 1 where the token or what was typed is not taken, 2 where the command must say more, 3 where something did
    /// not work.
    fn code(&self) -> u8 {
        match self {
            Self::Readers(error) => match error {
                ReadersError::Choice(ChoiceError::Several(_)) => Self::USAGE,
                ReadersError::Choice(ChoiceError::None(_) | ChoiceError::NoSuchSerial { .. })
                | ReadersError::NoService
                | ReadersError::NotAllowed
                | ReadersError::NoSuchReader { .. }
                | ReadersError::Token(_) => Self::COULD_NOT,
            },
            Self::Factory(error) => match error {
                FactoryError::Factory(_) => Self::REFUSED,
                FactoryError::NotTold(_) | FactoryError::Token(_) => Self::COULD_NOT,
            },
            Self::Pin(error) => match error {
                PinError::TriesUnknown | PinError::Terminal(_) | PinError::Token(_) => Self::COULD_NOT,
                PinError::Blocked
                | PinError::OneTryLeft
                | PinError::Nothing
                | PinError::Length
                | PinError::Character
                | PinError::Wrong(_)
                | PinError::Factory(_) => Self::REFUSED,
            },
            Self::Slot(error) => match error {
                SlotError::Occupied(_) => Self::REFUSED,
                SlotError::Token(_) => Self::COULD_NOT,
            },
            Self::ManagementKey(error) => match error {
                ManagementKeyError::Nothing
                | ManagementKeyError::NotHexadecimal(_)
                | ManagementKeyError::Wrong
                | ManagementKeyError::WrongOrUntouched
                | ManagementKeyError::Factory(_) => Self::REFUSED,
                ManagementKeyError::UnknownKind | ManagementKeyError::Terminal(_) | ManagementKeyError::Token(_) => {
                    Self::COULD_NOT
                }
            },
            Self::Key(error) => match error {
                KeyError::NoAttestation(_)
                | KeyError::WeakRsa(_)
                | KeyError::NoLongRsa(_)
                | KeyError::NoDeviceCertificate
                | KeyError::OtherKey(_)
                | KeyError::DeviceCertificate(_) => Self::REFUSED,
                KeyError::NotMade(_)
                | KeyError::NotFinished { .. }
                | KeyError::NotStorable { .. }
                | KeyError::Token(_) => Self::COULD_NOT,
            },
            Self::Report(_) => Self::COULD_NOT,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        self.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_usage_and_faults_have_their_codes() {
        assert_eq!(Failure::from(PinError::Wrong(2)).code(), 1);
        assert_eq!(Failure::from(ReadersError::from(ChoiceError::Several(Vec::new()))).code(), 2);
        assert_eq!(Failure::from(ReadersError::NoService).code(), 3);
    }
}
