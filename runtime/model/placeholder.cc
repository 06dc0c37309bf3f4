namespace inferd::model {}
